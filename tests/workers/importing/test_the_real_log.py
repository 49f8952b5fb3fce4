"""The incident log of the BPI Challenge 2013 against counts of an independent fold."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from workers.importing.mapping import Command, Kind, commands
from workers.importing.report import Rejected
from workers.importing.xes import XesLog

LOG = Path(__file__).parents[4] / "shared" / "data" / "bpic13_incidents.xes.gz"

pytestmark = pytest.mark.skipif(not LOG.exists(), reason="the log lies beside the checkout")

ENDS = {
    Kind.DECLARE: "open",
    Kind.ACKNOWLEDGE: "in_progress",
    Kind.RELEASE: "open",
    Kind.HOLD: "on_hold",
    Kind.RESUME: "in_progress",
    Kind.RESOLVE: "resolved",
    Kind.CLOSE: "closed",
    Kind.REOPEN: "open",
    Kind.CANCEL: "cancelled",
}


@pytest.fixture(scope="module")
def told() -> list[list[Command]]:
    faults = list[Rejected]()
    cases = list(XesLog(LOG, name="vinst").cases(faults.append))
    assert not faults
    assert sum(len(case.rows) for case in cases) == 65_533
    return [[c for c in commands(case, source="vinst") if isinstance(c, Command)] for case in cases]


def test_the_log_becomes_exactly_these_commands(told: list[list[Command]]) -> None:
    assert Counter(command.kind for case in told for command in case) == {
        "acknowledge": 17_587,
        "release": 9_497,
        "resolve": 8_125,
        "declare": 7_554,
        "note": 7_343,
        "assign": 7_176,
        "hold": 6_657,
        "close": 5_704,
        "resume": 2_656,
        "reopen": 580,
        "amend": 13,
        "cancel": 1,
    }
    assert max(map(len, told)) == 140


def test_the_incidents_end_where_the_log_leaves_them(told: list[list[Command]]) -> None:
    ends = Counter([ENDS[c.kind] for c in case if c.kind in ENDS][-1] for case in told)
    assert ends == {
        "closed": 5574,
        "resolved": 1971,
        "on_hold": 5,
        "in_progress": 3,
        "cancelled": 1,
    }


def test_severities_teams_and_people_are_those_of_the_log(told: list[list[Command]]) -> None:
    severities = Counter(case[0].fields["severity"] for case in told)
    assert severities == {"sev1": 3, "sev2": 261, "sev3": 4045, "sev4": 3245}
    assert len({command.team for case in told for command in case}) == 649
    assert len({command.person for case in told for command in case}) == 1440


def test_cases_reopen_from_resolved_and_from_closed_as_often_as_in_the_log(
    told: list[list[Command]],
) -> None:
    before = Counter(
        [ENDS[c.kind] for c in case[:index] if c.kind in ENDS][-1]
        for case in told
        for index, command in enumerate(case)
        if command.kind is Kind.REOPEN
    )
    assert before == {"resolved": 450, "closed": 130}
