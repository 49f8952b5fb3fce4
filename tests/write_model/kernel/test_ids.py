"""Ids sort by time, or name their cause."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from write_model.kernel.clock import wall_clock
from write_model.kernel.ids import derived_id, new_id


def test_later_ids_sort_after_earlier_ones() -> None:
    ids = [new_id() for _ in range(1_000)]
    assert ids == sorted(ids)
    assert {one.version for one in ids} == {7}


@given(st.lists(st.text()))
def test_the_same_names_give_the_same_id(names: list[str]) -> None:
    assert derived_id(*names) == derived_id(*names)
    assert derived_id(*names).version == 8


def test_other_names_give_another_id() -> None:
    assert derived_id("a", "b") != derived_id("ab")
    assert derived_id("a", "b") != derived_id("b", "a")


def test_the_clock_shows_utc() -> None:
    now = wall_clock()
    assert now.utcoffset() == timedelta(0)
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)
