"""Turns a case's rows into the commands that tell the same story, without any I/O.

The table is the one of the incident log of the BPI Challenge 2013; every source shares it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from workers.importing.cases import Case, Row, Step
from workers.importing.report import Rejected
from write_model.incident.events import Status


class Kind(StrEnum):
    DECLARE = "declare"
    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    RELEASE = "release"
    HOLD = "hold"
    RESUME = "resume"
    RESOLVE = "resolve"
    CLOSE = "close"
    REOPEN = "reopen"
    CANCEL = "cancel"
    NOTE = "note"
    AMEND = "amend"


@dataclass(frozen=True, slots=True)
class Command:
    """One request to come: `step` counts the commands of one row from 0."""

    kind: Kind
    row: int
    step: int
    line: int
    at: datetime
    team: str | None
    person: str | None
    fields: dict[str, Any] = field(default_factory=dict[str, Any])


_OPEN: dict[Step, tuple[Kind, ...]] = {
    Step.WORKED_ON: (Kind.ACKNOWLEDGE,),
    Step.ASSIGNED: (Kind.ASSIGN,),
    Step.QUEUED: (Kind.ASSIGN,),
    Step.WAITING: (Kind.ACKNOWLEDGE, Kind.HOLD),
    Step.RESOLVED: (Kind.RESOLVE,),
    Step.CLOSED: (Kind.RESOLVE, Kind.CLOSE),
    Step.CANCELLED: (Kind.CANCEL,),
    Step.NOTED: (Kind.NOTE,),
}
_IN_PROGRESS = _OPEN | {
    Step.WORKED_ON: (Kind.NOTE,),
    Step.QUEUED: (Kind.RELEASE,),
    Step.WAITING: (Kind.HOLD,),
}
_ON_HOLD = _IN_PROGRESS | {
    Step.WORKED_ON: (Kind.RESUME,),
    Step.ASSIGNED: (Kind.RESUME, Kind.ASSIGN),
}
_RESOLVED = {step: (Kind.REOPEN, *kinds) for step, kinds in _OPEN.items()} | {
    Step.RESOLVED: (Kind.NOTE,),
    Step.CLOSED: (Kind.CLOSE,),
    Step.NOTED: (Kind.NOTE,),
}
_CLOSED = _RESOLVED | {Step.RESOLVED: (Kind.AMEND,), Step.CLOSED: (Kind.AMEND,)}

_PLANS: dict[Status, dict[Step, tuple[Kind, ...]]] = {
    Status.NONE: {step: (Kind.DECLARE, *kinds) for step, kinds in _OPEN.items()},
    Status.OPEN: _OPEN,
    Status.IN_PROGRESS: _IN_PROGRESS,
    Status.ON_HOLD: _ON_HOLD,
    Status.RESOLVED: _RESOLVED,
    Status.CLOSED: _CLOSED,
}
_AFTER = {
    Kind.DECLARE: Status.OPEN,
    Kind.ACKNOWLEDGE: Status.IN_PROGRESS,
    Kind.RELEASE: Status.OPEN,
    Kind.HOLD: Status.ON_HOLD,
    Kind.RESUME: Status.IN_PROGRESS,
    Kind.RESOLVE: Status.RESOLVED,
    Kind.CLOSE: Status.CLOSED,
    Kind.REOPEN: Status.OPEN,
    Kind.CANCEL: Status.CANCELLED,
}


def commands(case: Case, *, source: str) -> Iterator[Command | Rejected]:
    """The case as commands in their order; a row that follows the end is rejected by name."""
    status, previous = Status.NONE, None
    for row in case.rows:
        if status is Status.CANCELLED:
            yield Rejected(row.line, f"Case {case.key} was cancelled before this row.")
            continue
        changed = previous is not None and (row.team, row.person) != (
            previous.team,
            previous.person,
        )
        for step, kind in enumerate(plan(row.step, status, changed=changed)):
            yield _command(kind, step, row, case, source)
            status = _AFTER.get(kind, status)
        previous = row


def plan(step: Step, status: Status, *, changed: bool) -> tuple[Kind, ...]:
    """What a row asks for; `changed`: its team or person is not that of the row before."""
    kinds = _PLANS[status][step]
    if step is Step.WORKED_ON and status is Status.IN_PROGRESS and changed:
        return (Kind.ASSIGN,)
    if step is Step.QUEUED and len(kinds) > 1 and not changed:
        return kinds[:-1]  # Declaring or reopening says all that the row says.
    return kinds


def _command(kind: Kind, step: int, row: Row, case: Case, source: str) -> Command:
    fields = _fields(kind, row, case, source)
    return Command(kind, row.number, step, row.line, row.at, row.team, row.person, fields)


def _fields(kind: Kind, row: Row, case: Case, source: str) -> dict[str, Any]:
    if kind is Kind.DECLARE:
        return {
            "title": case.title,
            "severity": case.severity,
            "source": source,
            "source_key": case.key,
        }
    return _SAID[kind](row) if kind in _SAID else {}


def _in_words(row: Row) -> str:
    return row.status if row.sub_status == row.status else f"{row.status} / {row.sub_status}"


_SAID: dict[Kind, Callable[[Row], dict[str, Any]]] = {
    Kind.ASSIGN: lambda row: {"team": row.team},
    Kind.RELEASE: lambda row: {"team": row.team},
    Kind.HOLD: lambda row: {"reason": row.hold_reason},
    Kind.RESOLVE: lambda row: {"resolution": row.status, "cause_code": row.sub_status},
    Kind.REOPEN: lambda row: {"reason": _in_words(row)},
    Kind.CANCEL: lambda row: {"reason": _in_words(row)},
    Kind.NOTE: lambda row: {"text": _in_words(row)},
    Kind.AMEND: lambda row: {
        "field": "source_status",
        "value": _in_words(row),
        "reason": "The old system went on after the close.",
    },
}
"""What a row says in the fields of a command; kinds that are not here have none."""
