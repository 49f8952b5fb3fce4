"""What every old log is read into: cases of rows in a vocabulary that no tracker owns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from workers.importing.report import Rejected
from write_model.incident.events import HoldReason


class Step(StrEnum):
    """What a row of the old system says about its case from then on."""

    WORKED_ON = "in_progress"
    ASSIGNED = "assigned"
    QUEUED = "queued"
    WAITING = "waiting"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a case's history.

    `number` counts from 1 within the case, bad rows included: it stays the same when rows are
    appended to the file. `status` and `sub_status` are the old system's own words.
    """

    number: int
    line: int
    step: Step
    at: datetime
    team: str | None
    person: str | None
    status: str
    sub_status: str
    hold_reason: HoldReason = HoldReason.OTHER


@dataclass(frozen=True, slots=True)
class Case:
    """All rows of one incident, in the order in which they happened.

    `rejected` are those that could not be read.
    """

    key: str
    title: str
    severity: str
    rows: tuple[Row, ...]
    rejected: tuple[Rejected, ...] = ()


class BadRow(ValueError):
    """A row that cannot be understood; its message is the reason."""


class CaseSource(Protocol):
    """Where cases come from: a file or the generator."""

    name: str
    """Names the old system; with a case's key it makes the incident's source key."""

    def cases(self, reject: Callable[[Rejected], None]) -> Iterator[Case]:
        """Every case once; `reject` is told what belongs to no case."""
        ...

    def progress(self) -> float:
        """How much of the source was read, from 0 to 1."""
        ...
