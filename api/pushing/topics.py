"""What a subscriber follows, and which messages that shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from api.process import Process
from api.references import known_to
from projections.push import Message
from write_model.incident.incident import INCIDENT
from write_model.kernel.access import Actor
from write_model.kernel.errors import Invalid

MOST_TOPICS = 50
"""Each is held against every message, and a record is looked up for it."""

_KINDS = {"incidents": "incident", "members": "membership", "organization": "organization"}
_PERMISSIONS = {"incident": "incident.read"}
_OTHERWISE = "events.read"


@dataclass(frozen=True, slots=True)
class Topic:
    """All records of a kind, or one of them."""

    kind: str
    subject: UUID | None = None

    def shows(self, message: Message) -> bool:
        return self.kind == message.kind and self.subject in (None, message.subject)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What is shown to all who follow the same with the same rights; nearly always one object."""

    topics: tuple[Topic, ...]
    sees_incidents: bool
    sees_the_rest: bool
    teams: frozenset[str] | None
    """Whose incidents alone are shown, which is asked apart; None for all."""

    @staticmethod
    def of(actor: Actor, topics: tuple[Topic, ...]) -> View:
        """Raises: Forbidden for a topic that the actor may not follow; SecondFactorMissing."""
        actor.must_not_lack_a_second_factor()
        for topic in topics:
            _must_follow(actor, topic.kind)
        sees = actor.may_within(_PERMISSIONS["incident"]), actor.may(_OTHERWISE)
        return _the_one(topics, *sees, actor.teams)

    def of_these(self, messages: Iterable[Message]) -> list[Message]:
        return [message for message in messages if self._shows(message)]

    def _shows(self, message: Message) -> bool:
        if self.topics:
            return any(topic.shows(message) for topic in self.topics)
        return self.sees_incidents if message.kind in _PERMISSIONS else self.sees_the_rest


@lru_cache(maxsize=1_000)
def _the_one(
    topics: tuple[Topic, ...],
    sees_incidents: bool,
    sees_the_rest: bool,
    teams: frozenset[str] | None,
) -> View:
    return View(topics, sees_incidents, sees_the_rest, teams)


async def asked_topics(text: str, at: Process, actor: Actor) -> tuple[Topic, ...]:
    """Raises: Invalid; Forbidden; NotFound."""
    names = [name.strip() for name in text.split(",") if name]
    if len(names) > MOST_TOPICS:
        raise Invalid(f"Follow at most {MOST_TOPICS} topics in one stream.", field="topics")
    return tuple([await _topic(name, at, actor) for name in names])


async def _topic(name: str, at: Process, actor: Actor) -> Topic:
    collection, _, record = name.partition(":")
    kind = _KINDS.get(collection)
    if kind is None:
        raise Invalid(f"There is no topic {collection!r}.", field="topics")
    _must_follow(actor, kind)
    if not record:
        return Topic(kind)
    if kind != INCIDENT.name:
        message = f"Single records are followed of incidents only: say {collection!r}."
        raise Invalid(message, field="topics")
    return Topic(kind, await known_to(at.write_model, actor, INCIDENT, record))


def _must_follow(actor: Actor, kind: str) -> None:
    if kind in _PERMISSIONS:
        actor.must_within(_PERMISSIONS[kind])
    else:
        actor.must(_OTHERWISE)
