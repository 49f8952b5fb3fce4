"""A distribution counts each value once, up to the first bound that holds it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from write_model.kernel.measuring import Distribution


def test_a_value_lies_up_to_the_first_bound_that_is_not_below_it() -> None:
    found = Distribution((1, 10))
    for value in (0, 1, 2, 10, 11):
        found.add(value)
    assert (found.counts, found.total) == ([2, 2, 1], 24)


@given(st.lists(st.floats(0, 1_000)))
def test_none_is_lost(values: list[float]) -> None:
    found = Distribution((0.5, 50, 500))
    for value in values:
        found.add(value)
    assert (sum(found.counts), found.total) == (len(values), sum(values))
