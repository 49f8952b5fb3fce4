"""Who was refused or shown what: written down beside the log, never in a record's stream.

It never slows a request: entries wait in a bounded queue, and what does not fit is counted.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from psycopg import AsyncConnection, Error
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from write_model.kernel.allowance import Allowance
from write_model.kernel.asking import ANSWER_S, cut_after

Pool = AsyncConnectionPool[AsyncConnection[Any]]

_WRITE = """
    SELECT access.write_down(%s, %s::timestamptz[], %s,
        %s::text[], %s::text[], %s::text[], %s::text[])
"""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Access:
    """One entry: ids and names of permissions, never a personal value.

    `target`: the route with the ids and references of the records that it names, and no other text.
    `outcome`: the refusal's code, or `shown`.
    """

    tenant: UUID
    at: datetime
    actor: UUID
    what: str
    permission: str
    target: str
    outcome: str


class AccessLog:
    """`per_minute`: how many entries of one kind and actor are kept; more would only hide others.

    A kind is a permission with an outcome, so that nobody hides a refusal behind what he may read.
    """

    def __init__(self, pool: Pool, *, waiting: int = 2_000, per_minute: int = 60) -> None:
        self._pool = pool
        self._entries: asyncio.Queue[Access] = asyncio.Queue(waiting)
        self._allowance: Allowance[tuple[UUID, str, str]] = Allowance(
            per_minute, per=timedelta(minutes=1)
        )
        self._writing: asyncio.Task[None] | None = None
        self.dropped = 0

    def admits(self, actor: UUID, permission: str, outcome: str, *, now: datetime) -> bool:
        """Whether one more entry of this kind is to be noted; it is counted either way."""
        is_admitted = self._allowance.take((actor, permission, outcome), now=now)
        self.dropped += not is_admitted
        return is_admitted

    def note(self, entry: Access) -> None:
        """Take an entry down soon, once it was admitted."""
        if self._entries.full():
            self.dropped += 1
        else:
            self._entries.put_nowait(entry)

    def miss(self, entries: int, error: Exception) -> None:
        """Count what could not be written."""
        self.dropped += entries
        _log.warning("access_log_not_written", entries=entries, reason=str(error))

    async def run(self) -> None:
        """Write what is noted until cancelled, which does not break off what is being written."""
        while True:
            entry = await self._entries.get()
            self._writing = asyncio.create_task(self._write([entry, *self._waiting()]))
            await asyncio.shield(self._writing)

    async def flush(self) -> None:
        """Write what waits now, once nobody runs any more: before the process ends."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
        if entries := self._waiting():
            await self._write(entries)

    def _waiting(self) -> list[Access]:
        return [self._entries.get_nowait() for _ in range(self._entries.qsize())]

    async def _write(self, entries: list[Access]) -> None:
        names = [field.name for field in fields(Access)]
        columns = [[getattr(entry, name) for entry in entries] for name in names]
        try:
            async with self._pool.connection() as connection:
                with cut_after(connection, ANSWER_S):
                    await connection.execute(_WRITE, columns)
        except (Error, PoolTimeout) as error:
            self.miss(len(entries), error)
