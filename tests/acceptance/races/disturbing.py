"""Ends and pauses the database's backends at random while the race goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
from random import Random
from signal import SIGCONT, SIGSTOP
from typing import Any

from psycopg import AsyncConnection

_BACKENDS = (
    "SELECT pid, application_name FROM pg_stat_activity"
    " WHERE application_name IN ('tallystick-append', 'tallystick-app', 'tallystick-tail')"
    " ORDER BY pid"
)


class Disturber:
    """Counts what it did; every third backend it ends is one that only reads."""

    def __init__(self, superuser: AsyncConnection[Any], random: Random) -> None:
        self._superuser, self._random = superuser, random
        self._pauses: set[asyncio.Task[None]] = set()
        self.ended = 0
        self.paused = 0

    async def disturb(self) -> None:
        """End one backend, and pause one that appends for 0.2 to 2 s, every second time."""
        if self.ended % 2:
            await self._pause_one()
        await self._end_one()

    async def settle(self) -> None:
        await asyncio.gather(*self._pauses)

    async def _backends(self, *, appending: bool) -> list[int]:
        found = await (await self._superuser.execute(_BACKENDS)).fetchall()
        return [pid for pid, name in found if (name == "tallystick-append") is appending]

    async def _end_one(self) -> None:
        backends = await self._backends(appending=bool(self.ended % 3))
        if not backends:
            return
        pid = self._random.choice(backends)
        cursor = await self._superuser.execute("SELECT pg_terminate_backend(%s)", (pid,))
        row = await cursor.fetchone()
        self.ended += bool(row and row[0])

    async def _pause_one(self) -> None:
        backends = await self._backends(appending=True)
        if backends:
            pause = self._pause(self._random.choice(backends), self._random.uniform(0.2, 2.0))
            task = asyncio.create_task(pause)
            self._pauses.add(task)
            task.add_done_callback(self._pauses.discard)

    async def _pause(self, pid: int, seconds: float) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, SIGSTOP)
            self.paused += 1
            try:
                await asyncio.sleep(seconds)
            finally:
                os.kill(pid, SIGCONT)
