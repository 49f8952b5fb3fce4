"""Records set aside because one of their events could not be applied, with all later ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from projections.engine.log import Connection
from write_model.kernel.messages import Recorded

_PARKED: LiteralString = "SELECT DISTINCT stream_id FROM projections.dead_letters"
_PARK: LiteralString = (
    "INSERT INTO projections.dead_letters"
    " (stream_id, position, tenant_id, tenant_position, version, type, reason)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s)"
)
_FORGET: LiteralString = "DELETE FROM projections.dead_letters WHERE position > %s"

BEHIND_ANOTHER = "an earlier event of this record is parked"


def parked_streams(connection: Connection) -> frozenset[UUID]:
    return frozenset(stream for (stream,) in connection.execute(_PARKED))


def park(connection: Connection, events: Sequence[Recorded], *, reason: str) -> None:
    """Set events aside in order; the log keeps them, so only where they stand is written."""
    with connection.cursor() as cursor:
        cursor.executemany(_PARK, [_letter(recorded, reason) for recorded in events])


def forget_after(connection: Connection, position: int) -> None:
    """The log was restored: what stood past this position never happened."""
    connection.execute(_FORGET, (position,))


def _letter(recorded: Recorded, reason: str) -> tuple[object, ...]:
    return (
        recorded.stream,
        recorded.position,
        recorded.tenant,
        recorded.tenant_position,
        recorded.version,
        recorded.topic,
        reason,
    )
