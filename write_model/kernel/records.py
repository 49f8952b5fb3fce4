"""Folded records, kept per process: immutable values, so that nobody ever copies one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from write_model.kernel.messages import Aggregate, Recorded
from write_model.kernel.recent import Recent


@dataclass(frozen=True, slots=True)
class Record:
    """A folded state with where its stream stands; `position` is the tenant's of its last event."""

    state: Any
    version: int = 0
    position: int = 0
    number: int | None = None

    def after(self, events: Iterable[Recorded]) -> Record:
        state, version, position, number = self.state, self.version, self.position, self.number
        for event in events:
            state = state.after(event.event, by=event.actor, at=event.occurred_at)
            version, position = event.version, event.tenant_position
            number = number or event.number
        return Record(state, version, position, number)


class Streams(Protocol):
    """Where the events of a stream are read."""

    async def newer(self, tenant: UUID, stream: UUID, *, after: int) -> Sequence[Recorded]: ...


class Records:
    """The states that this process has folded, brought forward when asked to."""

    def __init__(self, streams: Streams, *, remembered: int) -> None:
        self._streams = streams
        self._remembered = remembered
        self._known: Recent[tuple[UUID, UUID], Record] = Recent(remembered)

    def known(self, tenant: UUID, stream: UUID) -> Record | None:
        """What was folded last; others may have written since."""
        return self._known.get((tenant, stream))

    async def fresh(self, tenant: UUID, stream: UUID, aggregate: Aggregate) -> Record:
        """The record with every event that was committed before this call."""
        # The memory as it is now: what is read of a log that is restored meanwhile is not kept.
        known = self._known
        record = known.get((tenant, stream)) or Record(aggregate.empty)
        newer = await self._streams.newer(tenant, stream, after=record.version)
        if newer:
            record = record.after(newer)
            known.remember((tenant, stream), record)
        return record

    def remember(self, tenant: UUID, stream: UUID, record: Record) -> None:
        self._known.remember((tenant, stream), record)

    def evict(self, tenant: UUID, stream: UUID) -> None:
        self._known.forget((tenant, stream))

    def clear(self) -> None:
        """Forget every record: the log was restored, and versions mean other events now."""
        self._known = Recent(self._remembered)


class StreamLocks:
    """One command at a time for a stream within this process."""

    def __init__(self) -> None:
        self._locks: dict[UUID, tuple[asyncio.Lock, int]] = {}

    def held(self, streams: Iterable[UUID]) -> HeldLocks:
        """Hold the locks of all the streams; taken in order, so that nobody waits in a ring."""
        return HeldLocks(self, sorted(set(streams)))

    async def take(self, stream: UUID) -> None:
        lock, users = self._locks.get(stream) or (asyncio.Lock(), 0)
        self._locks[stream] = lock, users + 1
        try:
            await lock.acquire()
        except BaseException:
            self._leave(stream)
            raise

    def release(self, stream: UUID) -> None:
        self._locks[stream][0].release()
        self._leave(stream)

    def _leave(self, stream: UUID) -> None:
        lock, users = self._locks[stream]
        if users == 1:
            del self._locks[stream]
        else:
            self._locks[stream] = lock, users - 1


class HeldLocks:
    """The locks of some streams, held for a block.

    By hand, because it stands in every command's way: two generators and a stack of exits took a
    tenth of the door's time (measured).
    """

    __slots__ = ("_held", "_locks", "_streams")

    def __init__(self, locks: StreamLocks, streams: list[UUID]) -> None:
        self._locks, self._streams = locks, streams
        self._held: list[UUID] = []

    async def __aenter__(self) -> None:
        try:
            for stream in self._streams:
                await self._locks.take(stream)
                self._held.append(stream)
        except BaseException:
            self._release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._release()

    def _release(self) -> None:
        for stream in reversed(self._held):
            self._locks.release(stream)
