"""The log as the projector reads it: by position, decoded once, and never past a hole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from pydantic import ValidationError

from projections.engine.sending import Statement
from write_model.kernel.errors import HoleInLog
from write_model.kernel.messages import Event, Recorded
from write_model.kernel.serialization import decoder

Connection = psycopg.Connection[tuple[Any, ...]]
LogRow = tuple[Any, ...]

# In the order of `Recorded`, whose event is what `state` says.
READ: LiteralString = (
    "SELECT state, topic, originator_id, originator_version, notification_id, epoch, tenant_id,"
    " tenant_position, number, actor_id, command_id, correlation_id, causation_id,"
    " recorded_at, occurred_at, source, schema_version FROM log.events"
)
_STATE, _TOPIC, _POSITION, _SCHEMA_VERSION = 0, 1, 4, 16

# A range of positions, not a LIMIT: a hole must show instead of being read across.
_AFTER: LiteralString = READ + (
    " WHERE notification_id > $1 AND notification_id <= $2 ORDER BY notification_id"
)
_OF_STREAMS: LiteralString = READ + (
    " WHERE originator_id = ANY(%s) AND notification_id <= %s ORDER BY notification_id"
)
_AT: LiteralString = READ + " WHERE notification_id = ANY(%s) ORDER BY notification_id"
# One statement, so that both belong to the same moment.
_END: LiteralString = (
    "SELECT coalesce((SELECT max(notification_id) FROM log.events), 0),"
    " (SELECT max(epoch) FROM log.epochs),"
    " (SELECT min(first_position) - 1 FROM log.epochs WHERE epoch > %s::integer)"
)


class Unreadable(Event):
    """Stands for bytes that are not the event their topic promises."""

    __slots__ = ("fault",)

    def __init__(self, fault: str) -> None:
        self.fault = fault


@dataclass(frozen=True, slots=True)
class LogEnd:
    """`kept`: up to where it is still what it was under the epoch that was known."""

    position: int
    epoch: int
    kept: int


def log_end(connection: Connection, *, known: int | None = None) -> LogEnd:
    """Where the log ends now, and under which epoch it is written; `known`: one of before."""
    with connection.cursor() as cursor:
        [[position, epoch, branch]] = cursor.execute(_END, (known,)).fetchall()
        return LogEnd(position, epoch, position if branch is None else min(position, branch))


def after(position: int, limit: int) -> Statement:
    """Asks for the events that follow a position, at most `limit`."""
    return Statement(_AFTER.encode(), (position, position + limit))


def recorded_after(position: int, rows: Sequence[LogRow]) -> list[Recorded]:
    """The events in the rows that follow a position, dense and in order.

    Raises: HoleInLog when a position is missing; UnknownTopic when the log is newer than we are.
    """
    if rows and rows[-1][_POSITION] != position + len(rows):
        positions = (row[_POSITION] for row in rows)
        raise HoleInLog(next(at for at, p in enumerate(positions, position + 1) if at != p))
    return recorded_of(rows)


@dataclass(frozen=True, slots=True)
class Rows:
    """Events that were read row by row and not decoded yet."""

    rows: Sequence[LogRow] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def after(self, position: int) -> list[Recorded]:
        """As `recorded_after`."""
        return recorded_after(position, self.rows)


def read_streams(connection: Connection, streams: Sequence[UUID], through: int) -> list[Recorded]:
    """All events of these streams up to a position, in order."""
    with connection.cursor(binary=True) as cursor:
        rows = cursor.execute(_OF_STREAMS, (list(streams), through)).fetchall()
    return recorded_of(rows)


def read_positions(connection: Connection, positions: Sequence[int]) -> list[Recorded]:
    """The events at these positions, in order."""
    with connection.cursor(binary=True) as cursor:
        return recorded_of(cursor.execute(_AT, (list(positions),)))


def recorded_of(rows: Iterable[LogRow]) -> list[Recorded]:
    """The events in the rows. Raises: UnknownTopic.

    One loop without calls of our own: they would be a third of it (measured).
    """
    decoders: dict[tuple[str, int], Callable[[bytes], Event]] = {}
    recorded: list[Recorded] = []
    for row in rows:
        kind = row[_TOPIC], row[_SCHEMA_VERSION]
        decode = decoders.get(kind) or decoders.setdefault(kind, decoder(*kind))
        try:
            event = decode(row[_STATE])
        except ValueError as error:
            event = _unreadable(error)
        recorded.append(Recorded._make((event, *row[1:])))
    return recorded


def _unreadable(error: ValueError) -> Unreadable:
    # Locations and kinds only: the input itself may be somebody's personal data.
    if isinstance(error, ValidationError):
        return Unreadable(str(error.errors(include_input=False, include_url=False)))
    return Unreadable("it cannot be brought up to the present schema")
