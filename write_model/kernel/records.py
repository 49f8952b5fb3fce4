"""Folded records, kept per process: immutable values, so that nobody ever copies one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from write_model.kernel.messages import Aggregate, Recorded
from write_model.kernel.recent import Recent


class Record(NamedTuple):
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
        # By integers: a UUID's own hash is Python code, and every command asks several times.
        self._known: Recent[tuple[int, int], Record] = Recent(remembered)

    def known(self, tenant: UUID, stream: UUID, aggregate: Aggregate) -> Record | None:
        """What was folded last; others may have written since."""
        return _of_kind(aggregate, self._known.get((tenant.int, stream.int)))

    async def fresh(self, tenant: UUID, stream: UUID, aggregate: Aggregate) -> Record:
        """The record with every event that was committed before this call.

        A stream of another kind is no such record: it is answered as one that has not begun.
        """
        # The memory as it is now: what is read of a log that is restored meanwhile is not kept.
        known = self._known
        remembered = _of_kind(aggregate, known.get((tenant.int, stream.int)))
        record = remembered or Record(aggregate.empty)
        newer = await self._streams.newer(tenant, stream, after=record.version)
        if newer and newer[0].topic.startswith(f"{aggregate.name}."):
            record = record.after(newer)
            known.remember((tenant.int, stream.int), record)
        return record

    async def read_together(
        self, tenant: UUID, wanted: Sequence[tuple[UUID, Aggregate]]
    ) -> list[Record]:
        """Fresh records in their order, remembered also where nothing has begun yet."""
        known = self._known
        records = await asyncio.gather(*(self.fresh(tenant, *each) for each in wanted))
        for (stream, _), record in zip(wanted, records, strict=True):
            known.remember((tenant.int, stream.int), record)
        return records

    def remember(self, tenant: UUID, stream: UUID, record: Record) -> None:
        self._known.remember((tenant.int, stream.int), record)

    def evict(self, tenant: UUID, stream: UUID) -> None:
        self._known.forget((tenant.int, stream.int))

    def clear(self) -> None:
        """Forget every record: the log was restored, and versions mean other events now."""
        self._known = Recent(self._remembered)


def _of_kind(aggregate: Aggregate, record: Record | None) -> Record | None:
    is_one = record is not None and type(record.state) is type(aggregate.empty)
    return record if is_one else None
