"""From commands to rows: states are gathered, rules decide, personal values are sealed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from write_model.kernel.access import Actor
from write_model.kernel.clock import Clock
from write_model.kernel.errors import (
    Invalid,
    NotFound,
    PreconditionRequired,
    Refused,
    VersionMismatch,
)
from write_model.kernel.ids import Ids
from write_model.kernel.messages import (
    Command,
    Event,
    IdempotencyKey,
    Moment,
    Receipt,
    Recorded,
)
from write_model.kernel.policies import Policies
from write_model.kernel.records import Record, Records
from write_model.kernel.sealing import personal_fields, seal_events, subjects_of
from write_model.kernel.serialization import encode
from write_model.kernel.store.recorded_event import Append, Appended, RecordedEvent

_CLOCK_SKEW = timedelta(minutes=5)
# Year 1 at +14:00 lies before all that Python's datetimes can hold: stored, it could not be read.
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_SALT_BYTES = 16


class SubjectKeys(Protocol):
    """Where the keys to personal data are made and kept."""

    async def keys_for(self, tenant: UUID, subjects: frozenset[UUID], /) -> Mapping[UUID, bytes]:
        """Every subject's key, made where there was none. Raises: SubjectErased."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A command, the record it is for, and the version that the caller saw."""

    stream: UUID
    command: Command
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One decided command: the record it was decided on and what follows."""

    asked: Asked
    record: Record
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """Decided commands and the rows to append for them."""

    tenant: UUID
    actor: Actor
    command_id: UUID
    parts: tuple[Part, ...]
    append: Append

    def records_after(self, verdict: Appended) -> Iterator[Record]:
        """Every part's record with its new events folded in."""
        at = 0
        for part in self.parts:
            rows = range(at, at := at + len(part.events))
            yield part.record.after(self._recorded(part, verdict, rows))

    def _recorded(self, part: Part, verdict: Appended, rows: range) -> Iterator[Recorded]:
        for event, at in zip(part.events, rows, strict=True):
            row = self.append.rows[at]
            yield Recorded(
                event=event,
                topic=row.topic,
                stream=part.asked.stream,
                version=row.originator_version,
                position=verdict.positions[at],
                epoch=verdict.epoch,
                tenant=row.tenant,
                tenant_position=verdict.tenant_positions[at],
                number=verdict.numbers[at],
                actor=row.actor,
                command=row.command,
                correlation=row.correlation,
                causation=row.causation,
                recorded_at=verdict.recorded_at,
                occurred_at=row.occurred_at or verdict.recorded_at,
                source=self.actor.source,
                schema_version=row.schema_version,
            )


def receipts(decision: Decision, records: Sequence[Record]) -> list[Receipt]:
    """What each part did; `records` as they are after it."""
    return [
        Receipt(
            part.asked.stream,
            record.version,
            record.position,
            record.number,
            created=not part.record.version,
        )
        for part, record in zip(decision.parts, records, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Decider:
    """Gathers what a decision needs and turns it into rows; writes nothing itself."""

    records: Records
    keys: SubjectKeys
    clock: Clock
    ids: Ids
    policies: Policies = field(default_factory=Policies)

    async def decide(
        self,
        asked: Sequence[Asked],
        by: Actor,
        *,
        key: IdempotencyKey | None,
        correlation: UUID | None,
        fresh: bool = False,
    ) -> Decision:
        """Decide every command; `fresh` reads the newer events before rather than on refusal.

        Raises: Refused, on a state that was read after the command arrived.
        """
        command_id = self.ids()
        parts = [await self._decided(ask, by, command_id, fresh=fresh) for ask in asked]
        rows = tuple(
            row for part in parts for row in _rows(part, by, command_id, correlation or command_id)
        )
        subjects = frozenset(subject for part in parts for subject in _sealed_for(part.events))
        cause = next((ask.command.cause() for ask in asked if ask.command.cause()), None)
        append = Append(rows, key, cause, tuple(subjects))
        return Decision(by.tenant, by, command_id, tuple(parts), append)

    async def _decided(self, ask: Asked, by: Actor, command_id: UUID, *, fresh: bool) -> Part:
        record = None if fresh else self.records.known(by.tenant, ask.stream)
        if record is not None:
            part = await self._tried(ask, by, record)
            if part is not None:
                return await self._sealed(part, by, command_id)
        record = await self.records.fresh(by.tenant, ask.stream, ask.command.aggregate)
        events = await self._outcome(ask, by, record)
        return await self._sealed(Part(ask, record, events), by, command_id)

    async def _tried(self, ask: Asked, by: Actor, record: Record) -> Part | None:
        """The decision on a remembered state; None where only a fresh one may answer."""
        try:
            events = await self._outcome(ask, by, record)
        except Refused:
            return None
        return Part(ask, record, events) if events else None

    async def _outcome(self, ask: Asked, by: Actor, record: Record) -> tuple[Event, ...]:
        if ask.command.binds_what_was_seen and ask.expected is None:
            raise PreconditionRequired
        if ask.expected is not None and ask.expected != record.version:
            raise VersionMismatch(record.version) if record.version else NotFound
        return ask.command.outcome(record.state, await self._moment(ask, by))

    async def _moment(self, ask: Asked, by: Actor) -> Moment:
        now = self.clock()
        others = await self._others(ask.command, by)
        occurred_at = _occurred_at(ask.command, now)
        return Moment(by, now, occurred_at, ask.stream, self.ids, self.policies, others)

    async def _others(self, command: Command, by: Actor) -> dict[UUID, Any]:
        others: dict[UUID, Any] = {}
        for stream in command.involves():
            record = await self.records.fresh(by.tenant, stream, command.aggregate)
            others[stream] = record.state
        return others

    async def _sealed(self, part: Part, by: Actor, command_id: UUID) -> Part:
        subjects = subjects_of(part.events)
        if not subjects:
            return part
        events = seal_events(
            part.events,
            tenant=by.tenant,
            stream=part.asked.stream,
            command=command_id,
            keys=await self.keys.keys_for(by.tenant, subjects),
            salts=_salt,
        )
        return Part(part.asked, part.record, events)


def _occurred_at(command: Command, now: datetime) -> datetime:
    occurred_at = command.occurred_at or now
    if occurred_at > now + _CLOCK_SKEW:
        raise Invalid("What happened cannot lie in the future.", field="occurred_at")
    if occurred_at < _EARLIEST:
        raise Invalid("What happened cannot lie before the year 1900.", field="occurred_at")
    return occurred_at


def _salt() -> bytes:
    return os.urandom(_SALT_BYTES)


def _rows(part: Part, by: Actor, command_id: UUID, correlation: UUID) -> Iterator[RecordedEvent]:
    for version, event in enumerate(part.events, part.record.version + 1):
        yield RecordedEvent(
            originator_id=part.asked.stream,
            originator_version=version,
            topic=event.topic,
            state=encode(event),
            tenant=by.tenant,
            actor=by.id,
            command=command_id,
            correlation=correlation,
            occurred_at=part.asked.command.occurred_at,
            source=by.source,
            schema_version=event.schema_version,
            salt=_salt(),
        )


def _sealed_for(events: tuple[Event, ...]) -> Iterator[UUID]:
    """The data subjects whose sealed values the events carry."""
    for event in events:
        for name in personal_fields(type(event)):
            if (value := getattr(event, name)) is not None:
                yield value.subject
