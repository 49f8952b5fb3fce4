"""The words that cross every border: events, what is recorded of them, commands and their moment.

An event is a frozen, slotted pydantic dataclass: it decodes in 2.0 µs where a BaseModel takes 4.7
(measured), and every replay pays that price. Its topic never changes and is never used again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol, Self, TypeVar, cast, dataclass_transform
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic.dataclasses import dataclass as pydantic_dataclass

from write_model.kernel.access import Actor, Source
from write_model.kernel.ids import Ids, derived_id
from write_model.kernel.policies import DEFAULTS, Policies
from write_model.kernel.times import Time


class Event:
    """Something that has happened. Made with `@event(topic)`; fields are only ever added."""

    __slots__ = ()
    topic: ClassVar[str]
    schema_version: ClassVar[int]


E = TypeVar("E", bound=Event)
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

REGISTRY: dict[str, type[Event]] = {}
"""Topic -> event class: every event that a process knows."""

# What cannot be read is logged with its error: that must not repeat what people wrote.
_SILENT = ConfigDict(hide_input_in_errors=True)

UPCASTERS: dict[tuple[str, int], Upcaster] = {}
"""(topic, stored version) -> what turns its fields into those of the next version."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
def event(topic: str, *, schema_version: int = 1) -> Callable[[type[E]], type[E]]:
    """Make a class an event that is stored under `topic`.

    Raises: ValueError when the topic is taken: a topic has one meaning forever.
    """

    def decorate(cls: type[E]) -> type[E]:
        if topic in REGISTRY:
            raise ValueError(f"The topic {topic} is taken.")
        made: Any = pydantic_dataclass(frozen=True, slots=True, kw_only=True, config=_SILENT)(cls)
        made.topic, made.schema_version = topic, schema_version
        REGISTRY[topic] = made
        return cast("type[E]", made)

    return decorate


class Recorded(NamedTuple):
    """An event with all that the log knows of it; shapes as in the table `events`.

    A tuple: a frozen dataclass of as many fields is made in 2.2 µs, this in 0.3 (measured).
    """

    event: Event
    topic: str
    stream: UUID
    version: int
    position: int
    epoch: int
    tenant: UUID
    tenant_position: int
    number: int | None
    actor: UUID
    command: UUID
    correlation: UUID
    causation: UUID | None
    recorded_at: datetime
    occurred_at: datetime
    source: Source
    schema_version: int


NOBODY_ELSE: Mapping[UUID, Any] = MappingProxyType({})


class State(Protocol):
    """A folded record: an immutable value."""

    def after(self, event: Any, /, *, by: UUID, at: datetime) -> Self:
        """The state after an event that `by` caused and that happened `at`."""
        ...


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A kind of record: `name` begins its topics, `prefix` its references (INC-42)."""

    name: str
    prefix: str
    empty: State


@dataclass(frozen=True, slots=True)
class RecordOf:
    """Marks a command's field as the id of a record of this kind: people may give its reference."""

    kind: Aggregate


class Moment(NamedTuple):
    """What the world says while a command is decided."""

    actor: Actor
    now: datetime
    occurred_at: datetime
    stream: UUID
    ids: Ids
    policies: Policies = DEFAULTS
    others: Mapping[UUID, Any] = NOBODY_ELSE
    """The states of the other records that the command involves, by stream."""


class Command(BaseModel):
    """Something asked of one record; its docstring is the text that API users read."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )

    aggregate: ClassVar[Aggregate]
    permission: ClassVar[str]
    binds_what_was_seen: ClassVar[bool] = False
    """Whether the caller must say which version was seen, and is never retried."""
    needs_reauthentication: ClassVar[bool] = False
    """Whether the caller must have proven a moment ago who he is, as who signs does."""

    occurred_at: Time | None = None
    """When it happened, if earlier than now; a time with its offset."""

    def cause(self) -> tuple[str, str] | None:
        """The source and its key for what began outside; the same cause acts only once."""
        return None

    def new_cause(self, state: Any, /) -> tuple[str, str] | None:
        """The cause, unless the record began with it: the log takes each only once."""
        return self.cause()

    def is_within(self, state: Any, teams: frozenset[str], /) -> bool:
        """Whether who is bound to these teams may know of the record; the permission is apart."""
        return True

    def involves(self, by: Actor, /) -> tuple[UUID, ...]:
        """Other records of its kind whose states the decision needs, as `moment.others`."""
        return ()

    def decide(self, state: Any, moment: Moment, /) -> Iterable[Event]:
        """The events that follow, by pure rule. Raises: Refused."""
        raise NotImplementedError

    def outcome(self, state: Any, moment: Moment, /) -> tuple[Event, ...]:
        """What the door calls: the decision, complete, for an actor who may ask for it."""
        moment.actor.must(self.permission)
        if self.needs_reauthentication:
            moment.actor.must_have_reauthenticated(moment.now)
        return tuple(self.decide(state, moment))


class IdempotencyKey(NamedTuple):
    """A caller's key with the SHA-256 of the request it belongs to."""

    key: str
    digest: bytes


def repeated_id(kind: str, by: Actor, key: IdempotencyKey) -> UUID:
    """The id of what a request makes: the same however often it comes."""
    return derived_id(kind, by.tenant, by.id, key.key, key.digest.hex())


class Receipt(NamedTuple):
    """What a command did: `position` is the tenant's; `number` makes the reference."""

    stream: UUID
    version: int
    position: int
    number: int | None = None
    created: bool = False
    replayed: bool = False
