"""The one door to the write model: a command goes in, a receipt comes out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, assert_never
from uuid import UUID

from write_model.deciding import Asked, Decider, Decision, Versions, receipts
from write_model.kernel.access import Actor
from write_model.kernel.errors import (
    Conflict,
    KeyReused,
    NotFound,
    Refused,
    Unavailable,
    VersionMismatch,
)
from write_model.kernel.ids import derived_id
from write_model.kernel.locks import StreamLocks
from write_model.kernel.messages import Aggregate, Command, IdempotencyKey, Receipt
from write_model.kernel.records import Record, Records
from write_model.kernel.store.exclusive import ExclusiveLog, LockLost
from write_model.kernel.store.group_commit import GroupCommit
from write_model.kernel.store.reading import StreamReader
from write_model.kernel.store.recorded_event import (
    Appended,
    CauseKnown,
    Replayed,
    Verdict,
    VersionConflict,
)
from write_model.organization.organization import ORGANIZATION

# Measured by the races, 64 callers of 4 processes on 50 records: two tries carry 215 commands/s,
# four 423, six 530; but with six the least share of a process on a record falls from 0.15 to 0.07.
_OPTIMISTIC_TRIES = 4
_TRIES_UNDER_THE_LOCK = 3
"""Each but the first follows a lost connection."""


@dataclass(frozen=True, slots=True)
class WriteModel:
    """Decides commands on folded states and appends what follows.

    A refusal, a no-op or a version mismatch is answered only after the stream's newer events were
    read; an acceptance may rest on a remembered state, because the append checks it.
    """

    log: GroupCommit
    exclusive: ExclusiveLog
    reader: StreamReader
    records: Records
    decider: Decider
    locks: StreamLocks

    async def handle(
        self,
        stream: UUID,
        command: Command,
        /,
        *,
        by: Actor,
        expected: Versions | None = None,
        key: IdempotencyKey | None = None,
        correlation: UUID | None = None,
    ) -> Receipt:
        """Carry out one command on one record.

        `expected`: the version that the caller saw. `key`: makes a repetition answer as the first.
        Raises: Refused and its kinds; Conflict, KeyReused, KeyInProgress; Overloaded; Unavailable.
        """
        asked = Asked(stream, command, expected)
        (receipt,) = await self._alone([asked], by, key, correlation)
        return receipt

    async def start(
        self,
        command: Command,
        /,
        *,
        by: Actor,
        key: IdempotencyKey | None = None,
        correlation: UUID | None = None,
    ) -> Receipt:
        """Carry out a command that begins a record; one with a cause begins it only once."""
        if cause := command.cause():
            stream = derived_id(command.aggregate.name, by.tenant, *cause)
        else:
            stream = self.decider.ids()
            # An id made just now names nothing yet: there is no need to ask the log.
            self.records.remember(by.tenant, stream, Record(command.aggregate.empty))
        return await self.handle(stream, command, by=by, key=key, correlation=correlation)

    async def handle_all(
        self,
        asked: Sequence[Asked],
        /,
        *,
        by: Actor,
        key: IdempotencyKey | None = None,
        correlation: UUID | None = None,
    ) -> list[Receipt]:
        """Carry out commands on different records, all or none; receipts in their order.

        A key that comes again with them must find them on the same records.
        Raises: what `handle` does; ValueError for several commands with a cause.
        """
        if len(asked) > 1 and any(ask.command.cause() for ask in asked):
            raise ValueError("A cause makes one record.")
        return await self._alone(asked, by, key, correlation)

    async def _alone(
        self,
        asked: Sequence[Asked],
        by: Actor,
        key: IdempotencyKey | None,
        correlation: UUID | None,
    ) -> list[Receipt]:
        """With the streams locked in this process; a repetition waits for the first."""
        once = hash((by.tenant.int, by.id.int, key.key)) if key else None
        # A coroutine takes 0.3 µs of a command's 33: nearly always nothing has to be awaited.
        free = self.locks.at_once(asked[0].stream, once) if len(asked) == 1 else None
        with free or await self.locks.held([ask.stream for ask in asked], once):
            if len(asked) > 1:
                await self._fresh(asked, by)  # Then the decision has them at hand.
            try:
                return await self._carried_out(asked, by, key, correlation)
            except Refused:
                if key and (replayed := await self.answered_before(by, key)):
                    return await self._replayed(asked, replayed, by)
                raise

    async def answered_before(self, by: Actor, key: IdempotencyKey) -> Replayed | None:
        """What is kept of the first answer to this request; None when there was none yet.

        Raises: KeyReused.
        """
        known = await self.reader.known_key(by.tenant, by.id, key.key)
        if known is None:
            return None
        digest, replayed = known
        if digest != key.digest:
            raise KeyReused
        return replayed

    async def state(self, tenant: UUID, stream: UUID, aggregate: Aggregate) -> tuple[Any, int]:
        """The folded state and version with all that is committed; (empty, 0) for no record."""
        record = await self.records.fresh(tenant, stream, aggregate)
        return record.state, record.version

    async def state_at(
        self, tenant: UUID, stream: UUID, aggregate: Aggregate, *, position: int
    ) -> tuple[Any, int]:
        """The state and version as they were at a position of the organization."""
        events = await self.reader.newer(tenant, stream, after=0)
        then = [event for event in events if event.tenant_position <= position]
        record = Record(aggregate.empty).after(then)
        return record.state, record.version

    async def stream_of(self, tenant: UUID, aggregate: str, number: int) -> UUID | None:
        """The record behind a reference: ("incident", 42) for INC-42."""
        return await self.reader.stream_of(tenant, aggregate, number)

    async def _carried_out(
        self,
        asked: Sequence[Asked],
        by: Actor,
        key: IdempotencyKey | None,
        correlation: UUID | None,
    ) -> list[Receipt]:
        # What is read of other records no version protects: decide it with nobody in between.
        others = [stream for ask in asked for stream in ask.command.involves(by)]
        for _ in range(0 if others else _OPTIMISTIC_TRIES):
            decision = self.decider.at_once(
                asked, by, key=key, correlation=correlation
            ) or await self.decider.decide(asked, by, key=key, correlation=correlation)
            if not decision.append.rows:
                return await self._unchanged(decision, by, key)
            try:
                verdict = await self.log.queued(decision.append)
            except VersionConflict:
                # What is remembered is true, only not the newest: it is read on from there.
                await self._caught_up(asked, by)
                continue
            except BaseException:
                # Whether the rows are in the log is unknown or they are not: fold again next time.
                self._forget(decision)
                raise
            if isinstance(verdict, Appended):  # Nearly always; a coroutine more takes 0.3 µs.
                return self._stored(decision, verdict)
            return await self._settled(decision, verdict, by)
        return await self._under_the_lock(asked, by, key, correlation)

    async def _fresh(self, asked: Sequence[Asked], by: Actor) -> list[Record]:
        """Together, because one after another is slow for a thousand."""
        wanted = [(ask.stream, ask.command.aggregate) for ask in asked]
        return await self.records.read_together(by.tenant, wanted)

    async def _caught_up(self, asked: Sequence[Asked], by: Actor) -> None:
        """Read what the others wrote; what binds another version that was seen ends here."""
        for ask, record in zip(asked, await self._fresh(asked, by), strict=True):
            if not ask.rests_on(record.version):
                raise VersionMismatch(record.version)

    async def _under_the_lock(
        self,
        asked: Sequence[Asked],
        by: Actor,
        key: IdempotencyKey | None,
        correlation: UUID | None,
    ) -> list[Receipt]:
        """Take the append lock first, then nobody else can win."""
        for _ in range(_TRIES_UNDER_THE_LOCK):
            try:
                async with self.exclusive.held() as append:
                    decision = await self.decider.decide(
                        asked, by, key=key, correlation=correlation, fresh=True
                    )
                    if not decision.append.rows:
                        return await self._unchanged(decision, by, key)
                    verdict = await append(decision.append)
            except LockLost:
                continue
            except VersionConflict as conflict:
                # Nobody wrote since it was read: the stream is another tenant's.
                raise NotFound from conflict
            return await self._settled(decision, verdict, by)
        raise Unavailable

    async def _settled(self, decision: Decision, verdict: Verdict, by: Actor) -> list[Receipt]:
        match verdict:
            case Appended():
                return self._stored(decision, verdict)
            case Replayed():
                return await self._replayed([part.asked for part in decision.parts], verdict, by)
            case CauseKnown(stream=stream):
                return [await self._caused_before(decision, stream, by)]
            case _:
                assert_never(verdict)

    def _stored(self, decision: Decision, verdict: Appended) -> list[Receipt]:
        records = decision.records_after(verdict)
        for part, record in zip(decision.parts, records, strict=True):
            self.records.remember(decision.tenant, part.asked.stream, record)
            if part.asked.command.aggregate is ORGANIZATION:
                self.decider.policies.forget(decision.tenant)
        return receipts(decision, records)

    def _forget(self, decision: Decision) -> None:
        for part in decision.parts:
            self.records.evict(decision.tenant, part.asked.stream)

    async def _unchanged(
        self, decision: Decision, by: Actor, key: IdempotencyKey | None
    ) -> list[Receipt]:
        if key and (replayed := await self.answered_before(by, key)):
            return await self._replayed([part.asked for part in decision.parts], replayed, by)
        return [_standing(part.asked.stream, part.record) for part in decision.parts]

    async def _replayed(
        self, asked: Sequence[Asked], replayed: Replayed, by: Actor
    ) -> list[Receipt]:
        """The first answer again; only a record's number is read from the record itself."""
        if len(asked) > 1:
            return await self._all_replayed(asked, replayed, by)
        aggregate = asked[0].command.aggregate
        record = await self.records.fresh(by.tenant, replayed.stream, aggregate)
        receipt = Receipt(
            replayed.stream,
            replayed.version,
            replayed.tenant_position,
            record.number,
            created=replayed.number is not None,
            replayed=True,
        )
        return [receipt]

    async def _all_replayed(
        self, asked: Sequence[Asked], replayed: Replayed, by: Actor
    ) -> list[Receipt]:
        """Every record as it stood once the commands were written, at the position that is kept."""
        position = replayed.tenant_position
        reading = (self.reader.newer(by.tenant, ask.stream, after=0) for ask in asked)
        stood = [
            [event for event in events if event.tenant_position <= position]
            for events in await asyncio.gather(*reading)
        ]
        written_by = {
            e.command for events in stood for e in events if e.tenant_position == position
        }
        return [
            _standing(ask.stream, Record(ask.command.aggregate.empty).after(events))._replace(
                created=any(e.version == 1 and e.command in written_by for e in events),
                replayed=True,
            )
            for ask, events in zip(asked, stood, strict=True)
        ]

    async def _caused_before(self, decision: Decision, stream: UUID, by: Actor) -> Receipt:
        aggregate = decision.parts[0].asked.command.aggregate
        record = await self.records.fresh(by.tenant, stream, aggregate)
        if not record.version:
            raise Conflict
        return _standing(stream, record)


def _standing(stream: UUID, record: Record) -> Receipt:
    return Receipt(stream, record.version, record.position, record.number)
