from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from workers.importing.cases import Case, Row, Step
from workers.importing.mapping import Command, Kind, commands, plan
from workers.importing.report import Rejected
from write_model.incident.events import HoldReason, Status

OIL = Row(
    number=1,
    line=11,
    step=Step.WORKED_ON,
    at=datetime(2026, 3, 2, 8, 0, tzinfo=UTC),
    team="Warehouse 3",
    person="Nadia",
    status="Accepted",
    sub_status="In Progress",
)


def case(*rows: Row) -> Case:
    numbered = (
        replace(row, number=n, line=10 + n, at=OIL.at + timedelta(hours=n))
        for n, row in enumerate(rows, 1)
    )
    return Case("FL-7", "FL-7 forklift", "sev3", tuple(numbered))


def row(step: Step, *, team: str = "Warehouse 3", person: str = "Nadia") -> Row:
    return replace(OIL, step=step, team=team, person=person)


def kinds(*rows: Row) -> list[Kind]:
    told = list(commands(case(*rows), source="tracker"))
    return [command.kind for command in told if isinstance(command, Command)]


def test_the_first_row_declares_the_incident_with_its_source_key() -> None:
    declared = next(commands(case(OIL), source="tracker"))
    assert isinstance(declared, Command)
    assert declared.kind is Kind.DECLARE
    assert declared.fields == {
        "title": "FL-7 forklift",
        "severity": "sev3",
        "source": "tracker",
        "source_key": "FL-7",
    }


def test_every_command_of_a_row_carries_its_number_its_step_its_team_and_its_person() -> None:
    told = [c for c in commands(case(row(Step.WAITING)), source="t") if isinstance(c, Command)]
    assert [(c.kind, c.row, c.step) for c in told] == [
        (Kind.DECLARE, 1, 0),
        (Kind.ACKNOWLEDGE, 1, 1),
        (Kind.HOLD, 1, 2),
    ]
    assert {(c.team, c.person, c.at) for c in told} == {
        ("Warehouse 3", "Nadia", OIL.at + timedelta(hours=1))
    }


@pytest.mark.parametrize(
    ("step", "status", "expected"),
    [
        (Step.WORKED_ON, Status.OPEN, "acknowledge"),
        (Step.WORKED_ON, Status.IN_PROGRESS, "note"),
        (Step.WORKED_ON, Status.ON_HOLD, "resume"),
        (Step.WORKED_ON, Status.RESOLVED, "reopen acknowledge"),
        (Step.ASSIGNED, Status.OPEN, "assign"),
        (Step.ASSIGNED, Status.IN_PROGRESS, "assign"),
        (Step.ASSIGNED, Status.ON_HOLD, "resume assign"),
        (Step.ASSIGNED, Status.CLOSED, "reopen assign"),
        (Step.QUEUED, Status.NONE, "declare"),
        (Step.QUEUED, Status.OPEN, "assign"),
        (Step.QUEUED, Status.IN_PROGRESS, "release"),
        (Step.QUEUED, Status.ON_HOLD, "release"),
        (Step.QUEUED, Status.CLOSED, "reopen"),
        (Step.WAITING, Status.OPEN, "acknowledge hold"),
        (Step.WAITING, Status.IN_PROGRESS, "hold"),
        (Step.WAITING, Status.ON_HOLD, "hold"),
        (Step.WAITING, Status.RESOLVED, "reopen acknowledge hold"),
        (Step.RESOLVED, Status.OPEN, "resolve"),
        (Step.RESOLVED, Status.ON_HOLD, "resolve"),
        (Step.RESOLVED, Status.RESOLVED, "note"),
        (Step.RESOLVED, Status.CLOSED, "amend"),
        (Step.CLOSED, Status.IN_PROGRESS, "resolve close"),
        (Step.CLOSED, Status.RESOLVED, "close"),
        (Step.CLOSED, Status.CLOSED, "amend"),
        (Step.CANCELLED, Status.IN_PROGRESS, "cancel"),
        (Step.CANCELLED, Status.CLOSED, "reopen cancel"),
        (Step.NOTED, Status.NONE, "declare note"),
        (Step.NOTED, Status.ON_HOLD, "note"),
        (Step.NOTED, Status.RESOLVED, "note"),
        (Step.NOTED, Status.CLOSED, "note"),
    ],
)
def test_what_a_row_of_the_same_pair_asks_for(step: Step, status: Status, expected: str) -> None:
    assert list(plan(step, status, changed=False)) == expected.split()


def test_work_by_another_person_is_an_assignment_and_not_a_note() -> None:
    assert kinds(OIL, row(Step.WORKED_ON, person="Omar")) == ["declare", "acknowledge", "assign"]


def test_a_case_that_is_reopened_into_the_queue_of_another_team_is_assigned_to_it() -> None:
    assert kinds(row(Step.RESOLVED), row(Step.QUEUED, team="Garage")) == [
        "declare",
        "resolve",
        "reopen",
        "assign",
    ]


def test_a_case_that_is_reopened_into_its_own_queue_is_only_reopened() -> None:
    assert kinds(row(Step.RESOLVED), row(Step.QUEUED)) == ["declare", "resolve", "reopen"]


def test_a_row_after_the_cancellation_is_rejected_by_name() -> None:
    told = list(commands(case(row(Step.CANCELLED), row(Step.NOTED)), source="tracker"))
    assert told[-1] == Rejected(12, "Case FL-7 was cancelled before this row.")


def test_a_wait_says_for_whom_and_an_end_says_how() -> None:
    waiting = replace(row(Step.WAITING), hold_reason=HoldReason.AWAITING_VENDOR)
    end = replace(row(Step.CLOSED), status="Completed", sub_status="Closed")
    told = {
        c.kind: c.fields
        for c in commands(case(waiting, end, end), source="t")
        if isinstance(c, Command)
    }
    assert told[Kind.HOLD] == {"reason": "awaiting_vendor"}
    assert told[Kind.RESOLVE] == {"resolution": "Completed", "cause_code": "Closed"}
    assert told[Kind.AMEND]["field"] == "source_status"
    assert told[Kind.AMEND]["value"] == "Completed / Closed"
