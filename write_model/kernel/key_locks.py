"""Lets a request that was sent twice wait for its first answer, within bounds."""

from __future__ import annotations

import asyncio

from write_model.kernel.access import Actor
from write_model.kernel.errors import KeyInProgress
from write_model.kernel.messages import IdempotencyKey

_Name = tuple[int, int, str]


class KeyLocks:
    """One request at a time for an actor's idempotency key within this process.

    `wait_s`: how long the next one waits. Other processes are kept apart by the log itself.
    Nothing is awaited where nobody holds the key: it stands in the way of nearly every command.
    """

    def __init__(self, *, wait_s: float) -> None:
        self._wait_s = wait_s
        self._held: dict[_Name, asyncio.Event | None] = {}
        """Keys that are held, each with what tells of its end where somebody waits for it."""

    def take(self, by: Actor, key: IdempotencyKey) -> HeldKey | None:
        """Hold the key; None while another request does."""
        name = (by.tenant.int, by.id.int, key.key)
        if name in self._held:
            return None
        self._held[name] = None
        return HeldKey(self, name)

    async def wait(self, by: Actor, key: IdempotencyKey) -> HeldKey:
        """Hold the key once it is free. Raises: KeyInProgress when that takes too long."""
        name = (by.tenant.int, by.id.int, key.key)
        try:
            async with asyncio.timeout(self._wait_s):
                while (held := self.take(by, key)) is None:
                    ended = self._held[name] = self._held[name] or asyncio.Event()
                    await ended.wait()
                return held
        except TimeoutError as error:
            raise KeyInProgress from error

    def release(self, name: _Name) -> None:
        if ended := self._held.pop(name):
            ended.set()


class HeldKey:
    """A key, until the block ends."""

    __slots__ = ("_locks", "_name")

    def __init__(self, locks: KeyLocks, name: _Name) -> None:
        self._locks, self._name = locks, name

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._locks.release(self._name)
