"""The log as the projector reads it: by position, decoded once, and never past a hole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from pydantic import ValidationError

from write_model.kernel.errors import HoleInLog
from write_model.kernel.messages import Event, Recorded
from write_model.kernel.serialization import decode

Connection = psycopg.Connection[tuple[Any, ...]]

_READ: LiteralString = (
    "SELECT topic, originator_id, originator_version, notification_id, epoch, tenant_id,"
    " tenant_position, number, actor_id, command_id, correlation_id, causation_id,"
    " recorded_at, occurred_at, source, schema_version, state FROM log.events"
)
_AFTER: LiteralString = _READ + (
    " WHERE notification_id > %s AND notification_id <= %s ORDER BY notification_id"
)
_OF_STREAMS: LiteralString = _READ + (
    " WHERE originator_id = ANY(%s) AND notification_id <= %s ORDER BY notification_id"
)
# One statement, so that both belong to the same moment.
_END: LiteralString = (
    "SELECT coalesce((SELECT max(notification_id) FROM log.events), 0), epoch, first_position"
    " FROM log.epochs ORDER BY epoch DESC LIMIT 1"
)


class Unreadable(Event):
    """Stands for bytes that are not the event their topic promises."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


@dataclass(frozen=True, slots=True)
class LogEnd:
    """`branched_at`: the first position written under the present epoch."""

    position: int
    epoch: int
    branched_at: int


def log_end(connection: Connection) -> LogEnd:
    """Where the log ends now, and under which epoch it is written."""
    with connection.cursor() as cursor:
        [row] = cursor.execute(_END).fetchall()
        return LogEnd(*row)


def read_log(connection: Connection, after: int, limit: int) -> list[Recorded]:
    """The events that follow position `after`, at most `limit`, dense and in order.

    Raises: HoleInLog when a position is missing; UnknownTopic when the log is newer than we are.
    """
    with connection.cursor(binary=True) as cursor:
        # A range of positions, not a LIMIT: a hole must show instead of being read across.
        rows = cursor.execute(_AFTER, (after, after + limit)).fetchall()
    for expected, row in enumerate(rows, start=after + 1):
        if row[3] != expected:
            raise HoleInLog(expected)
    return [_recorded(row) for row in rows]


def read_streams(connection: Connection, streams: Sequence[UUID], through: int) -> list[Recorded]:
    """All events of these streams up to a position, in order."""
    with connection.cursor(binary=True) as cursor:
        rows = cursor.execute(_OF_STREAMS, (list(streams), through)).fetchall()
    return [_recorded(row) for row in rows]


def _recorded(row: Sequence[Any]) -> Recorded:
    # _make, because a call with 17 arguments takes twice as long.
    return Recorded._make((_event(row[0], row[15], row[16]), *row[:16]))


def _event(topic: str, schema_version: int, state: bytes) -> Event:
    try:
        return decode(topic, schema_version, state)
    except ValidationError as error:
        # Locations and kinds only: the input itself may be somebody's personal data.
        return Unreadable(str(error.errors(include_input=False, include_url=False)))
