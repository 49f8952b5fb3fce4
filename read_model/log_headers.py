"""The log as processes see it that may not read what happened: headers and names of fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from read_model.exchange import RepeatedQuestion
from write_model.kernel.asking import Pool
from write_model.kernel.errors import HoleInLog

# One statement, so that the end and what leads there belong to the same moment.
_TAIL = b"""
    SELECT h.last_position, h.epoch, t.topic, t.originator_id, t.originator_version,
           t.notification_id, t.tenant_id, t.tenant_position, t.number, t.actor_id, t.recorded_at,
           t.occurred_at, t.schema_version, t.fields, t.epoch AS event_epoch
      FROM log.head() h LEFT JOIN log.tail(%(after)s, %(limit)s) t ON true
     ORDER BY t.notification_id
"""
_MISSED: LiteralString = """
    SELECT e.topic, e.originator_id, e.originator_version, e.notification_id, e.tenant_id,
           e.tenant_position, first.number, e.actor_id, e.recorded_at, e.occurred_at,
           e.schema_version,
           CASE WHEN e.purged_by IS NULL THEN log.field_names(e.state) ELSE '{}' END AS fields,
           e.epoch
      FROM log.events e
      JOIN log.events first
        ON first.originator_id = e.originator_id AND first.originator_version = 1
       AND first.tenant_id = e.tenant_id
     WHERE e.tenant_id = %s AND e.tenant_position > %s
     ORDER BY e.tenant_position LIMIT %s
"""
_LAST: LiteralString = (
    "SELECT tenant_position FROM log.events WHERE tenant_id = %s"
    " ORDER BY tenant_position DESC LIMIT 1"
)

# Only under a later epoch: then what the caller has read there was lost, and another stands there.
_IS_LOST: LiteralString = (
    "SELECT EXISTS (SELECT FROM log.events"
    " WHERE tenant_id = %s AND tenant_position = %s AND epoch > %s)"
)


@dataclass(frozen=True, slots=True)
class Header:
    """`position` is the log's and stays in the process; `fields` is empty once it was purged.

    `number`: the record's, which its reference ends with.
    """

    topic: str
    stream: UUID
    version: int
    position: int
    tenant: UUID
    tenant_position: int
    number: int
    actor: UUID
    recorded_at: datetime
    occurred_at: datetime
    schema_version: int
    fields: Sequence[str]
    epoch: int


@dataclass(frozen=True, slots=True)
class Head:
    """The log's last position, and the epoch it is written under."""

    position: int
    epoch: int


class Tail:
    """Looked at again and again: by a cursor of the pool's, a look and what follows from it cost a
    quarter more (measured).
    """

    def __init__(self, pool: Pool) -> None:
        self._looks = RepeatedQuestion(pool, _TAIL)

    async def after(self, position: int, *, limit: int) -> tuple[Head, list[Header]]:
        """Where the log ends, and what follows a position of it, for all organizations.

        Raises: psycopg.Error.
        """
        rows = await self._looks.ask({"after": position, "limit": limit})
        return Head(*rows[0][:2]), [Header(*row[2:]) for row in rows if row[2] is not None]


async def head(pool: Pool) -> Head:
    """Where the log ends."""
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT last_position, epoch FROM log.head()")
        [row] = await cursor.fetchall()
        return Head(*row)


async def missed(pool: Pool, tenant: UUID, after: int, limit: int) -> list[Header]:
    """What follows a position of one organization. Raises: HoleInLog."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT set_config('app.tenant', %s, true)", (str(tenant),))
        cursor = await connection.execute(_MISSED, (tenant, after, limit), binary=True)
        headers = [Header(*row) for row in await cursor.fetchall()]
    for expected, header in enumerate(headers, start=after + 1):
        if header.tenant_position != expected:
            raise HoleInLog(expected)
    return headers


async def last_position(pool: Pool, tenant: UUID) -> int:
    """The organization's last position; 0 before its first event."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT set_config('app.tenant', %s, true)", (str(tenant),))
        cursor = await connection.execute(_LAST, (tenant,), binary=True)
        row = await cursor.fetchone()
        return int(row[0]) if row else 0


async def is_lost(pool: Pool, tenant: UUID, position: int, epoch: int) -> bool:
    """Whether another event stands at a position than the one that was read under that epoch."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT set_config('app.tenant', %s, true)", (str(tenant),))
        cursor = await connection.execute(_IS_LOST, (tenant, position, epoch))
        [row] = await cursor.fetchall()
        return bool(row[0])
