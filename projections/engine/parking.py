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
_FORGET: LiteralString = "DELETE FROM projections.dead_letters WHERE position > %s"

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


def forget_after(connection: Connection, position: int) -> None:
    """The log was restored: what stood past this position never happened."""
    connection.execute(_FORGET, (position,))


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
