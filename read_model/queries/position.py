"""How far an organization's events are shown, and waiting until one's own are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

from psycopg import sql

from read_model import tables
from read_model.reader import Reader
from write_model.kernel.recent import Recent

SHOWN = sql.SQL(
    "(SELECT coalesce(max(tenant_position), 0) FROM {} WHERE tenant_id = %(tenant)s)"
).format(tables.CHANGES)
"""The organization's last position that every page shows; beside rows: exactly what they show."""

_APPLIED = sql.SQL(
    "SELECT {}, (SELECT epoch FROM projections.checkpoint WHERE name = 'all')"
).format(SHOWN)

_FIRST_S, _LAST_S, _FADES_OVER = 0.001, 0.005, 5
"""Pauses are a fifth of the wait so far: nearly all waits are over within some milliseconds."""
_ANSWER_S = 0.25
"""So long one answer is awaited, however short the bound."""


@dataclass(frozen=True, slots=True)
class Applied:
    """`position`: what is shown for certain, 0 when nobody told in time.

    `stale`: the position that was asked for is not shown yet.
    """

    position: int
    stale: bool


@dataclass(slots=True)
class _Waiters:
    """All who wait in one organization share one question at a time."""

    count: int = 0
    asking: asyncio.Task[int] | None = None


class Positions:
    """What is shown stays shown until the log is restored; so it is asked for once.

    `remembered`: of how many organizations. Nothing is remembered before `trust`.
    """

    def __init__(self, reader: Reader, *, remembered: int = 10_000) -> None:
        self._reader = reader
        self._waiters: dict[UUID, _Waiters] = {}
        self._shown: Recent[UUID, int] = Recent(remembered)
        self._epoch: int | None = None

    def trust(self, epoch: int) -> None:
        """The log is followed, and this is its epoch."""
        self._epoch = epoch

    def distrust(self) -> None:
        """The log may have been restored: believe nothing that was shown before."""
        self._epoch = None
        self._shown.clear()

    async def applied(self, tenant: UUID) -> int:
        """The organization's last position that every page shows."""
        [(position, epoch)] = await self._reader.rows(tenant, _APPLIED, {})
        # Of another epoch: the projector has not gone back yet behind what the log has lost.
        if epoch == self._epoch:
            self._shown.remember(tenant, position)
        return int(position)

    async def wait_for(self, tenant: UUID, position: int, *, bound_s: float) -> Applied:
        """Wait until `position` is shown, at most `bound_s` seconds, or for one answer."""
        shown = self._shown.get(tenant) or 0
        if shown >= position:
            return Applied(shown, stale=False)
        waiters = self._waiters.setdefault(tenant, _Waiters())
        waiters.count += 1
        try:
            return await self._wait(tenant, waiters, position, bound_s)
        finally:
            waiters.count -= 1
            if not waiters.count:
                del self._waiters[tenant]

    async def _wait(
        self, tenant: UUID, waiters: _Waiters, position: int, bound_s: float
    ) -> Applied:
        loop = asyncio.get_running_loop()
        began, shown = loop.time(), 0
        try:
            async with asyncio.timeout(max(bound_s, _ANSWER_S)):
                while (shown := await self._shared(tenant, waiters)) < position:
                    if (waited_s := loop.time() - began) >= bound_s:
                        return Applied(shown, stale=True)
                    await asyncio.sleep(min(_LAST_S, max(_FIRST_S, waited_s / _FADES_OVER)))
        except TimeoutError:
            waiters.asking = None  # Its connection went silent: the next one asks on another.
            return Applied(shown, stale=True)
        return Applied(shown, stale=False)

    async def _shared(self, tenant: UUID, waiters: _Waiters) -> int:
        # An answer that is under way may be older than the caller's wish; then he asks again.
        if waiters.asking is None or waiters.asking.done():
            waiters.asking = asyncio.create_task(self.applied(tenant), name="read-position")
        return await asyncio.shield(waiters.asking)
