from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from statistics import median

import pytest

from workers.importing.cases import Case
from workers.importing.generator import Generated, invented
from workers.importing.mapping import Command, commands


def cases(incidents: int, *, seed: int = 1) -> list[Case]:
    source = Generated(incidents=incidents, seed=seed)
    return list(source.cases(lambda rejected: pytest.fail(rejected.reason)))


def test_the_same_seed_invents_the_same_cases_and_another_seed_others() -> None:
    assert cases(50) == cases(50)
    assert [case.rows for case in cases(50)] != [case.rows for case in cases(50, seed=2)]


def test_a_larger_number_only_adds_cases() -> None:
    assert cases(60)[:50] == cases(50)


def test_every_case_can_be_told_as_commands_in_the_order_of_time() -> None:
    for case in cases(300):
        assert all(isinstance(told, Command) for told in commands(case, source="demo"))
        assert all(before.at <= after.at for before, after in pairwise(case.rows))


def test_a_wait_of_years_does_not_lead_into_the_future() -> None:
    long_waiting = invented(6_924, seed=1)
    assert long_waiting.rows[-1].at < datetime(2025, 1, 1, tzinfo=UTC)


def test_the_proportions_are_those_of_the_real_log() -> None:
    invented = cases(3_000)
    rows = sorted(len(case.rows) for case in invented)
    days = sorted(
        (case.rows[-1].at - case.rows[0].at).total_seconds() / 86_400 for case in invented
    )
    kinds = [
        [told.kind for told in commands(case, source="demo") if isinstance(told, Command)]
        for case in invented
    ]
    assert 5 <= median(rows) <= 8
    assert 18 <= rows[int(0.95 * len(rows))] <= 26
    assert rows[-1] <= 123
    assert 6 <= median(days) <= 10
    assert 0.05 <= sum("reopen" in case for case in kinds) / len(kinds) <= 0.09
    assert 8 <= sum(map(len, kinds)) / len(kinds) <= 11
