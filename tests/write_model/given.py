"""Rules told as stories without I/O: given what happened, when this is asked, then that follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

import pytest

from write_model.kernel.access import Actor, Role, Source
from write_model.kernel.errors import Refused
from write_model.kernel.messages import Aggregate, Command, Event, Moment
from write_model.kernel.policies import Policies

R = TypeVar("R", bound=Refused)

MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TENANT = UUID(int=0x7E)
STREAM = UUID(int=0x57)


def actor(number: int, *roles: Role, source: Source = "api") -> Actor:
    return Actor(UUID(int=number), TENANT, frozenset(roles), source)


COMMANDER = actor(0xC0, Role.INCIDENT_COMMANDER)


def fresh_id(number: int) -> UUID:
    """The id that a decision is handed as its nth fresh one, from 1."""
    return UUID(int=0xF0_0000 + number)


def fresh_ids() -> Callable[[], UUID]:
    numbers = count(1)
    return lambda: fresh_id(next(numbers))


@dataclass(frozen=True)
class Happened:
    """An event with who caused it and when; a bare event is the commander's, on Monday."""

    event: Event
    by: UUID = COMMANDER.id
    at: datetime = MONDAY


def happened(event: Event, *, by: Actor = COMMANDER, at: datetime = MONDAY) -> Happened:
    return Happened(event, by.id, at)


@dataclass(frozen=True)
class Given:
    """What happened before, and what the world says now."""

    history: tuple[Happened, ...]
    others: dict[UUID, Any] = field(default_factory=dict[UUID, Any])

    def beside(self, stream: UUID, state: object) -> Given:
        """Another record exists, in this state."""
        return replace(self, others={**self.others, stream: state})

    def when(
        self,
        command: Command,
        *,
        by: Actor = COMMANDER,
        at: datetime = MONDAY,
        said_at: datetime | None = None,
    ) -> When:
        """`said_at`: the business time that the caller claims, when it is not now."""
        moment = Moment(by, at, said_at or at, STREAM, fresh_ids(), Policies(), self.others)
        return When(command, self.state(command.aggregate), moment)

    def state(self, aggregate: Aggregate) -> Any:
        state: Any = aggregate.empty
        for past in self.history:
            state = state.after(past.event, by=past.by, at=past.at)
        return state


@dataclass(frozen=True)
class When:
    """A command that is about to be decided."""

    command: Command
    state: Any
    moment: Moment

    def then(self, *events: Event) -> None:
        """Exactly these events follow, and the record can take them."""
        assert self.command.outcome(self.state, self.moment) == events
        for event in events:
            self.state.after(event, by=self.moment.actor.id, at=self.moment.occurred_at)

    def then_nothing(self) -> None:
        """It succeeds, though there is nothing to do."""
        self.then()

    def then_refused(self, error: type[R], saying: str | None = None) -> R:
        """This very error, not one below it; `saying` is a part of its message."""
        with pytest.raises(error, match=saying) as refusal:
            self.command.outcome(self.state, self.moment)
        assert refusal.type is error
        return refusal.value


def given(*history: Event | Happened) -> Given:
    return Given(tuple(e if isinstance(e, Happened) else Happened(e) for e in history))
