"""Reads the log back: streams to fold, and ranges of positions for those who follow it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from write_model.kernel.errors import HoleInLog
from write_model.kernel.messages import Recorded
from write_model.kernel.serialization import decode
from write_model.kernel.store.recorded_event import Replayed

Pool = AsyncConnectionPool[AsyncConnection[Any]]

_STREAMS = """
    SELECT topic, originator_id, originator_version, notification_id, epoch, tenant_id,
           tenant_position, number, actor_id, command_id, correlation_id, causation_id,
           recorded_at, occurred_at, source, schema_version, state
      FROM log.read_streams(%s, %s, %s)
"""
_RANGE = """
    SELECT topic, originator_id, originator_version, notification_id, epoch, tenant_id,
           tenant_position, number, actor_id, command_id, correlation_id, causation_id,
           recorded_at, occurred_at, source, schema_version, state
      FROM log.events WHERE notification_id > %s ORDER BY notification_id LIMIT %s
"""


def recorded(row: Sequence[Any]) -> Recorded:
    """A row of the queries above with its event decoded.

    Raises: UnknownTopic; pydantic.ValidationError.
    """
    topic, schema_version, state = row[0], row[15], row[16]
    return Recorded(decode(topic, schema_version, state), topic, *row[1:16])


async def read_range(connection: AsyncConnection[Any], after: int, limit: int) -> list[Recorded]:
    """Up to `limit` events with positions after+1, after+2, ...

    Raises: HoleInLog at the first position that is missing.
    """
    cursor = await connection.execute(_RANGE, (after, limit), binary=True)
    rows = await cursor.fetchall()
    for position, row in enumerate(rows, after + 1):
        if row[3] != position:
            raise HoleInLog(position)
    return [recorded(row) for row in rows]


@dataclass(frozen=True, slots=True)
class _Wanted:
    tenant: UUID
    stream: UUID
    after: int
    found: asyncio.Future[list[Recorded]]


class StreamReader:
    """Reads streams for folding; those asked for together are read by one query."""

    def __init__(self, pool: Pool, *, streams_per_query: int = 200) -> None:
        self._pool = pool
        self._streams_per_query = streams_per_query
        self._wanted: list[_Wanted] = []
        self._reading: asyncio.Task[None] | None = None

    async def newer(self, tenant: UUID, stream: UUID, *, after: int) -> list[Recorded]:
        """The stream's events past a version, in order; none for another tenant's stream."""
        loop = asyncio.get_running_loop()
        wanted = _Wanted(tenant, stream, after, loop.create_future())
        self._wanted.append(wanted)
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read(), name="read-streams")
        return await wanted.found

    async def _read(self) -> None:
        while self._wanted:
            group = self._wanted[: self._streams_per_query]
            del self._wanted[: len(group)]
            try:
                self._deliver(group, await self._query(group))
            except Exception as error:  # noqa: BLE001  handed to those who wait for it
                _fail(group, error)

    async def _query(self, group: list[_Wanted]) -> list[Recorded]:
        wanted = (
            [w.tenant for w in group],
            [w.stream for w in group],
            [w.after for w in group],
        )
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_STREAMS, wanted, binary=True)
            return [recorded(row) for row in await cursor.fetchall()]

    def _deliver(self, group: list[_Wanted], events: list[Recorded]) -> None:
        by_stream: dict[UUID, list[Recorded]] = {}
        for event in events:
            by_stream.setdefault(event.stream, []).append(event)
        for wanted in group:
            if not wanted.found.done():
                wanted.found.set_result(_newer_than(wanted, by_stream.get(wanted.stream, [])))

    async def known_key(self, tenant: UUID, actor: UUID, key: str) -> tuple[bytes, Replayed] | None:
        """The digest of the request that came with this key, and the answer it got."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT digest, stream_id, version, tenant_position, number"
                " FROM log.known_key(%s, %s, %s)",
                (tenant, actor, key),
                binary=True,
            )
            row = await cursor.fetchone()
        return None if row is None else (row[0], Replayed(*row[1:]))

    async def stream_of(self, tenant: UUID, kind: str, number: int) -> UUID | None:
        """The stream behind a reference: ("incident", 42) for INC-42."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT log.stream_of(%s, %s, %s)", (tenant, kind, number), binary=True
            )
            row = await cursor.fetchone()
        return row[0] if row else None


def _newer_than(wanted: _Wanted, events: list[Recorded]) -> list[Recorded]:
    """The same stream may be asked for twice in a group, from different versions."""
    newer = {e.version: e for e in events if e.tenant == wanted.tenant and e.version > wanted.after}
    return list(newer.values())


def _fail(group: list[_Wanted], error: Exception) -> None:
    for wanted in group:
        if not wanted.found.done():
            wanted.found.set_exception(error)
