"""Lets a request that was sent twice wait for its first answer, within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from write_model.kernel.access import Actor
from write_model.kernel.errors import KeyInProgress
from write_model.kernel.messages import IdempotencyKey

_Name = tuple[int, int, str]


class KeyLocks:
    """One request at a time for an actor's idempotency key within this process.

    `wait_s`: how long the next one waits. Other processes are kept apart by the log itself.
    """

    def __init__(self, *, wait_s: float) -> None:
        self._wait_s = wait_s
        self._held: dict[_Name, asyncio.Event] = {}
        """Keys that are held, each with what tells of its end."""

    @asynccontextmanager
    async def held(self, by: Actor, key: IdempotencyKey) -> AsyncGenerator[None]:
        """Raises: KeyInProgress when the request before did not end in time."""
        name = (by.tenant.int, by.id.int, key.key)
        if name in self._held:
            await self._freed(name)
        ended = self._held[name] = asyncio.Event()
        try:
            yield
        finally:
            del self._held[name]
            ended.set()

    async def _freed(self, name: _Name) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                while ended := self._held.get(name):
                    await ended.wait()
        except TimeoutError as error:
            raise KeyInProgress from error
