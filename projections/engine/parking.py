"""Records set aside because one of their events could not be applied, with all later ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import LiteralString
from uuid import UUID

import psycopg

from projections.engine import columns
from projections.engine.columns import Column
from projections.engine.folding import CannotFold
from projections.engine.log import Connection
from projections.engine.projection import TableSpec, Values
from write_model.kernel.messages import Recorded

_PARKED: LiteralString = (
    "SELECT stream_id, min(position) FROM projections.dead_letters GROUP BY stream_id"
)
_SKIPPED: LiteralString = "SELECT position FROM projections.skipped"
_FORGET: tuple[LiteralString, ...] = (
    "DELETE FROM projections.dead_letters WHERE position > %s",
    "DELETE FROM projections.skipped WHERE position > %s",
)
_OF_THE_ROW = ("22", "23", "54")
"""SQLSTATE classes: a value, a constraint, a limit. Any other trouble every event would meet."""

LETTERS = TableSpec(
    "dead_letters",
    (
        Column("stream_id", columns.UUID),
        Column("position", columns.INT8),
        Column("tenant_id", columns.UUID),
        Column("tenant_position", columns.INT8),
        Column("version", columns.INT8),
        Column("type", columns.TEXT),
        Column("reason", columns.TEXT),
    ),
    is_keyed=False,
)
"""The log keeps the events themselves, so only where they stand is written."""

BEHIND_ANOTHER = "an earlier event of this record is parked"


def parked_streams(connection: Connection) -> dict[UUID, int]:
    """Stream -> the position of the first of its events that is set aside."""
    return dict(connection.execute(_PARKED).fetchall())


def skipped_positions(connection: Connection) -> frozenset[int]:
    """The events that somebody decided to leave out for good."""
    return frozenset(position for (position,) in connection.execute(_SKIPPED))


def forget_after(connection: Connection, position: int) -> None:
    """The log was restored: what stood past this position never happened."""
    for query in _FORGET:
        connection.execute(query, (position,))


def is_poison(error: Exception) -> bool:
    """Whether it is the event that cannot be applied, now and later; else trying again helps."""
    match error:
        case psycopg.Error(sqlstate=str(state)):
            return state[:2] in _OF_THE_ROW
        case psycopg.OperationalError() | psycopg.InterfaceError() | MemoryError():
            return False
        case _:
            return True


def letters(events: Iterable[Recorded], *, reason: str) -> list[Values]:
    """The rows that set these events aside."""
    return [_letter(recorded, reason) for recorded in events]


def reason_for(error: Exception) -> str:
    """What went wrong, never what the event said: that may be personal."""
    match error:
        case CannotFold():
            return str(error)
        case psycopg.Error():
            return f"{type(error).__name__}: {error.diag.message_primary}"
        case _:
            return type(error).__name__


def _letter(recorded: Recorded, reason: str) -> Values:
    return (
        recorded.stream,
        recorded.position,
        recorded.tenant,
        recorded.tenant_position,
        recorded.version,
        recorded.topic,
        reason,
    )
