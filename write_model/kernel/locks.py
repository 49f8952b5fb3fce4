"""Who may go first within a process: one command at a time for a stream, one request for a key."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from uuid import UUID

from write_model.kernel.errors import KeyInProgress


class StreamLocks:
    """One command at a time for a stream, one request for an idempotency key; each in its turn.

    `key_wait_s`: how long a repeated request waits for the first. Only within this process: other
    processes are kept apart by the log. By hand, because it stands in every command's way: an
    asyncio.Lock for each stream and command took 2.5 µs where this takes 0.6 (measured).
    """

    def __init__(self, *, key_wait_s: float = 5.0) -> None:
        self._key_wait_s = key_wait_s
        self._held: dict[int, deque[asyncio.Future[None]] | None] = {}
        """Streams and keys that are held, each with those who wait for it, if any ever did."""

    def at_once(self, stream: UUID, key: int | None) -> HeldLocks | None:
        """The locks of one stream and a key, as `held`; None where they must be waited for."""
        name = stream.int
        if name in self._held or key in self._held:
            return None
        held = HeldLocks(self)
        if key is not None:
            self._held[key] = None
            held.names.append(key)
        self._held[name] = None
        held.names.append(name)
        return held

    async def held(self, streams: Sequence[UUID], key: int | None = None) -> HeldLocks:
        """Take the locks of all the streams: `with await locks.held(streams, key): ...`.

        `key`: a hash; the few that share one wait for each other. It comes first and the streams in
        their order, so that nobody waits in a ring. Raises: KeyInProgress.
        """
        held = HeldLocks(self)
        try:
            if key is not None:
                if not self._taken(key):
                    await self._turn_of_key(key)
                held.names.append(key)
            for stream in sorted({stream.int for stream in streams}):
                if not self._taken(stream):
                    await self._turn(stream)
                held.names.append(stream)
        except BaseException:
            held.release()
            raise
        return held

    def _taken(self, name: int) -> bool:
        """Whether the lock was free and is the caller's now."""
        if name in self._held:
            return False
        self._held[name] = None
        return True

    async def _turn_of_key(self, key: int) -> None:
        try:
            async with asyncio.timeout(self._key_wait_s):
                await self._turn(key)
        except TimeoutError as error:
            raise KeyInProgress from error

    async def _turn(self, name: int) -> None:
        """Wait for a lock that another holds."""
        turn = asyncio.get_running_loop().create_future()
        waiting = self._held[name] = self._held[name] or deque()
        waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(name)  # The turn came in the same moment: it is the next one's.
            raise

    def release(self, name: int) -> None:
        """Hand the lock to whoever waits longest."""
        waiting = self._held[name]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._held[name]


class HeldLocks:
    """The locks of some streams and of a key, until the block ends."""

    __slots__ = ("_locks", "names")

    def __init__(self, locks: StreamLocks) -> None:
        self._locks = locks
        self.names: list[int] = []

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        for name in reversed(self.names):
            self._locks.release(name)
