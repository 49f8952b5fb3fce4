"""The events that lead to an earlier moment, as the log has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from sys import maxsize
from typing import Any
from uuid import UUID

from psycopg import sql

from read_model import tables
from read_model.reader import Reader
from write_model.kernel.errors import Invalid

_REACHED = sql.SQL("SELECT log.reached(%(tenant)s, %(time)s)")
_BEGUN = sql.SQL("SELECT log.begun(%(tenant)s, %(kind)s, %(position)s)")

# By their first events: the index by record leads through all events of another's before anybody
# sees whose they are, and the time that this takes would tell that there is such a record.
_OWN = sql.SQL(
    "SELECT first.originator_id FROM {} AS first WHERE first.tenant_id = %(tenant)s"
    " AND first.originator_id = ANY(%(streams)s) AND first.originator_version = 1"
).format(tables.EVENTS)

# In the order of `Recorded`, whose event is what `state` says; then whether it is parked, and
# whether it was skipped.
EVENTS = sql.SQL(
    "SELECT state, topic, originator_id, originator_version, notification_id, epoch, tenant_id,"
    " tenant_position, number, actor_id, command_id, correlation_id, causation_id,"
    " recorded_at, occurred_at, source, schema_version,"
    " EXISTS (SELECT FROM {} AS letter WHERE letter.tenant_id = %(tenant)s"
    " AND letter.stream_id = originator_id AND letter.position <= notification_id),"
    # No join: so they are looked up once, and not for every event.
    " notification_id IN (SELECT position FROM {} AS skipped"
    " WHERE skipped.tenant_id = %(tenant)s AND stream_id = ANY(%(streams)s))"
    " FROM {} AS event WHERE tenant_id = %(tenant)s AND originator_id = ANY(ARRAY({own}))"
    " AND split_part(topic, '.', 1) = ANY(%(kinds)s)"
    " AND tenant_position <= %(position)s AND originator_version <= %(version)s"
    " ORDER BY originator_id, originator_version"
).format(tables.DEAD_LETTERS, tables.SKIPPED, tables.EVENTS, own=_OWN)
STREAM, _VERSION, _IS_PARKED, _IS_SKIPPED = 2, 3, -2, -1

_BEGAN = sql.SQL(
    "SELECT recorded_at FROM {} WHERE tenant_id = %(tenant)s AND originator_id = %(stream)s"
    " AND split_part(topic, '.', 1) = ANY(%(kinds)s) AND originator_version = 1"
).format(tables.EVENTS)


@dataclass(frozen=True, slots=True)
class Past:
    """`rows`: of the log, in the order of `Recorded`, record by record in their order.

    Without those that are parked or were skipped. `version`: of the last event, whatever became of
    it; `due`: of the last that was not skipped, to which all of `rows` would lead. Each is 0 when
    there is none.
    """

    rows: Sequence[tuple[Any, ...]]
    version: int
    due: int


class Pasts:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def reached(self, tenant: UUID, time: datetime) -> int:
        """The organization's last position that was recorded by then.

        Raises: Invalid for the future.
        """
        [(position,)] = await self._reader.rows(tenant, _REACHED, {"time": time})
        if position is None:
            raise Invalid("This moment is still to come; leave as_of out for now.", field="as_of")
        return int(position)

    async def begun(self, tenant: UUID, kind: str, position: int) -> int:
        """How many records of a kind had begun by a position."""
        parameters = {"kind": kind, "position": position}
        [(count,)] = await self._reader.rows(tenant, _BEGUN, parameters)
        return int(count)

    async def of(
        self,
        tenant: UUID,
        streams: Sequence[UUID],
        kinds: Sequence[str],
        *,
        position: int = maxsize,
        version: int = maxsize,
    ) -> Past:
        """What had happened to records of these kinds, up to a position and a version."""
        asked = {"streams": list(streams), "kinds": list(kinds)}
        until = {"position": position, "version": version}
        rows = await self._reader.rows(tenant, EVENTS, {**asked, **until})
        due = [row for row in rows if not row[_IS_SKIPPED]]
        applied = [row[:_IS_PARKED] for row in due if not row[_IS_PARKED]]
        return Past(applied, _last_version(rows), _last_version(due))

    async def began(self, tenant: UUID, stream: UUID, kinds: Sequence[str]) -> datetime | None:
        """When the record's first event was recorded; None when there is no such record."""
        asked = {"stream": stream, "kinds": list(kinds)}
        row = await self._reader.row(tenant, _BEGAN, asked)
        return row[0] if row else None


def _last_version(rows: Sequence[tuple[Any, ...]]) -> int:
    return rows[-1][_VERSION] if rows else 0
