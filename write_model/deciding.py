"""From commands to rows: states are gathered, rules decide, personal values are sealed."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol
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
    NOBODY_ELSE,
    Command,
    Event,
    IdempotencyKey,
    Moment,
    Receipt,
)
from write_model.kernel.policies import Policies
from write_model.kernel.records import Record, Records
from write_model.kernel.sealing import are_personal, seal_events, sealed_for, subjects_of
from write_model.kernel.serialization import encode
from write_model.kernel.store.recorded_event import Append, Appended, RecordedEvent
from write_model.organization.policies import OrganizationPolicies

_CLOCK_SKEW = timedelta(minutes=5)
# Year 1 at +14:00 lies before all that Python's datetimes can hold: stored, it could not be read.
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_SALT_BYTES = 16


class SubjectKeys(Protocol):
    """Where the keys to personal data are made and kept."""

    async def keys_for(self, tenant: UUID, subjects: frozenset[UUID], /) -> Mapping[UUID, bytes]:
        """Every subject's key, made where there was none. Raises: SubjectErased."""
        ...


Versions = int | frozenset[int]
"""The version that a caller saw, or several, any of which will do; no record has the version 0."""


class Promises(NamedTuple):
    """What comes with a command: a key that makes its retry safe, and the version it rests on."""

    key: IdempotencyKey | None = None
    expected: Versions | None = None


NO_PROMISES = Promises()


class Asked(NamedTuple):
    """A command, the record it is for, and the version that the caller saw."""

    stream: UUID
    command: Command
    expected: Versions | None = None

    def rests_on(self, version: int) -> bool:
        """Whether it may be carried out on this version."""
        if isinstance(self.expected, frozenset):
            return version in self.expected
        return self.expected in (None, version)


class Part(NamedTuple):
    """One decided command: the record it was decided on and what follows."""

    asked: Asked
    record: Record
    events: tuple[Event, ...]


class Decision(NamedTuple):
    """Decided commands and the rows to append for them."""

    tenant: UUID
    actor: Actor
    command_id: UUID
    parts: Sequence[Part]
    append: Append

    def records_after(self, verdict: Appended) -> list[Record]:
        """Every part's record with its new events folded in."""
        records: list[Record] = []
        first = 0
        for part in self.parts:
            records.append(self._record_after(part, verdict, first) if part.events else part.record)
            first += len(part.events)
        return records

    def _record_after(self, part: Part, verdict: Appended, first: int) -> Record:
        """From the events at hand: what would be read back is the same."""
        state, version, _, number = part.record
        happened_at = part.asked.command.occurred_at or verdict.recorded_at
        for event in part.events:
            state = state.after(event, by=self.actor.id, at=happened_at)
        count = len(part.events)
        position = verdict.tenant_positions[first + count - 1]
        return Record(state, version + count, position, number or verdict.numbers[first])


def receipts(decision: Decision, records: Sequence[Record]) -> list[Receipt]:
    """What each part did; `records` as they are after it."""
    return [
        Receipt(part.asked.stream, version, position, number, not part.record.version)
        for part, (_, version, position, number) in zip(decision.parts, records, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Decider:
    """Gathers what a decision needs and turns it into rows; writes nothing itself."""

    records: Records
    keys: SubjectKeys
    clock: Clock
    ids: Ids
    policies: OrganizationPolicies

    def at_once(
        self,
        asked: Sequence[Asked],
        by: Actor,
        *,
        key: IdempotencyKey | None,
        correlation: UUID | None,
    ) -> Decision | None:
        """The decision on what is remembered alone; None where something has to be awaited."""
        if (policies := self.policies.known(by.tenant)) is None:
            return None
        parts: list[Part] = []
        for ask in asked:
            part = self._from_memory(ask, by, policies)
            if part is None or are_personal(part.events):
                return None
            parts.append(part)
        command_id = self.ids()
        append = _append(parts, by, command_id, key, correlation, ())
        return Decision(by.tenant, by, command_id, parts, append)

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
        policies = self.policies.known(by.tenant) or await self.policies.of(by.tenant)
        parts: list[Part] = []
        for ask in asked:
            part = None if fresh else self._from_memory(ask, by, policies)
            parts.append(part or await self._from_the_log(ask, by, policies))
        subjects = set[UUID]()
        for at, part in enumerate(parts):
            if are_personal(part.events):
                sealed = parts[at] = await self._sealed(part, by, command_id)
                subjects.update(sealed_for(sealed.events))
        append = _append(parts, by, command_id, key, correlation, subjects)
        return Decision(by.tenant, by, command_id, parts, append)

    async def in_turn(
        self, stream: UUID, commands: Iterable[Command], record: Record, by: Actor
    ) -> Append:
        """The rows of a record's commands, each decided on what the one before it left.

        Raises: Refused; ValueError for a command that involves other records.
        """
        policies = self.policies.known(by.tenant) or await self.policies.of(by.tenant)
        rows: list[RecordedEvent] = []
        subjects = set[UUID]()
        cause = None
        for command in commands:
            if command.involves(by):
                raise ValueError("What a command reads of other records needs the append lock.")
            ask, command_id = Asked(stream, command), self.ids()
            part = Part(ask, record, self._outcome(ask, by, policies, record, NOBODY_ELSE))
            if are_personal(part.events):
                part = await self._sealed(part, by, command_id)
                subjects.update(sealed_for(part.events))
            rows += _rows(part, by, command_id, command_id)
            cause = cause or command.new_cause(record.state)
            record = self._left_by(part, by)
        return Append(tuple(rows), None, cause, tuple(subjects))

    def _left_by(self, part: Part, by: Actor) -> Record:
        """The record for the next decision; where it stands in the log nobody knows yet."""
        state, version, position, number = part.record
        at = part.asked.command.occurred_at or self.clock()
        for event in part.events:
            state = state.after(event, by=by.id, at=at)
        return Record(state, version + len(part.events), position, number)

    def _from_memory(self, ask: Asked, by: Actor, policies: Policies) -> Part | None:
        """The decision on a remembered state; None where only a fresh one may answer."""
        record = self.records.known(by.tenant, ask.stream, ask.command.aggregate)
        if record is None or ask.command.involves(by):
            return None
        try:
            events = self._outcome(ask, by, policies, record, NOBODY_ELSE)
        except Refused:
            return None
        return Part(ask, record, events) if events else None

    async def _from_the_log(self, ask: Asked, by: Actor, policies: Policies) -> Part:
        record = await self.records.fresh(by.tenant, ask.stream, ask.command.aggregate)
        others = await self._others(ask.command, by)
        return Part(ask, record, self._outcome(ask, by, policies, record, others))

    def _outcome(
        self,
        ask: Asked,
        by: Actor,
        policies: Policies,
        record: Record,
        others: Mapping[UUID, Any],
    ) -> tuple[Event, ...]:
        command, expected = ask.command, ask.expected
        if by.teams is not None:
            record = _as_seen(command, by.teams, record)
        if command.binds_what_was_seen and expected is None:
            raise PreconditionRequired
        if not ask.rests_on(record.version):
            raise VersionMismatch(record.version) if record.version else NotFound
        now = self.clock()
        at = _occurred_at(command, now)
        moment = Moment(by, now, at, ask.stream, self.ids, policies, others)
        return command.outcome(record.state, moment)

    async def _others(self, command: Command, by: Actor) -> Mapping[UUID, Any]:
        others: dict[UUID, Any] = {}
        for stream in command.involves(by):
            record = await self.records.fresh(by.tenant, stream, command.aggregate)
            if by.teams is not None:
                record = _as_seen(command, by.teams, record)
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


def _as_seen(command: Command, teams: frozenset[str], record: Record) -> Record:
    """The record, or none where it is not of these teams: he is told as of what never was."""
    if command.is_within(record.state, teams):
        return record
    return Record(command.aggregate.empty)


def _occurred_at(command: Command, now: datetime) -> datetime:
    if (occurred_at := command.occurred_at) is None:
        return now
    if occurred_at > now + _CLOCK_SKEW:
        raise Invalid("What happened cannot lie in the future.", field="occurred_at")
    if occurred_at < _EARLIEST:
        raise Invalid("What happened cannot lie before the year 1900.", field="occurred_at")
    return occurred_at


def _salt() -> bytes:
    return os.urandom(_SALT_BYTES)


def _append(
    parts: Sequence[Part],
    by: Actor,
    command_id: UUID,
    key: IdempotencyKey | None,
    correlation: UUID | None,
    subjects: Collection[UUID],
) -> Append:
    rows: list[RecordedEvent] = []
    cause = None
    for part in parts:
        rows += _rows(part, by, command_id, correlation or command_id)
        cause = cause or part.asked.command.new_cause(part.record.state)
    return Append(tuple(rows), key, cause, tuple(subjects))


def _rows(part: Part, by: Actor, command_id: UUID, correlation: UUID) -> list[RecordedEvent]:
    (stream, command, _), record, events = part
    return [
        RecordedEvent(
            stream,
            version,
            event.topic,
            encode(event),
            tenant=by.tenant,
            actor=by.id,
            command=command_id,
            correlation=correlation,
            occurred_at=command.occurred_at,
            source=by.source,
            schema_version=event.schema_version,
            salt=_salt(),
        )
        for version, event in enumerate(events, record.version + 1)
    ]
