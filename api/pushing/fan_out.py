"""One task that sends to everybody: what is shown alike is encoded once for all of them.

Nobody waits for anybody else: whoever does not read is passed over until his line is clear, and
helped from the log, once, when the ring has gone on without him.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple
from uuid import UUID

from api.identity.actors import Actors
from api.pushing.subscriber import Restarting, Subscriber, TailLost
from api.pushing.teams import Teams
from api.pushing.topics import View
from api.tracing import note
from projections.push import Message, Ring
from write_model.kernel.errors import DomainError, LogRestored

_AT_ONCE = 256
"""Messages in one write."""
_IN_A_TURN = 200
"""Subscribers; then the loop serves others for a moment: they take about a millisecond."""
_LOOK_EVERY_S = 0.25
_LOOKED_UP_AT_ONCE = 16


class Part(NamedTuple):
    """What follows a position, for all who have the same view.

    `is_last`: nothing has happened after it when it was made. `unjudged`: what must be looked up
    before anything of it is shown.
    """

    data: bytes
    position: int
    is_last: bool = False
    unjudged: Sequence[Message] = ()


Work = Callable[[], Awaitable[None]]
Encoded = Callable[[Sequence[Message]], bytes]
Parts = dict[tuple[View, int, Encoded], Part | None]
Judge = Callable[[Subscriber], bool]
"""Whether it is known at once what the subscriber may see. Raises: Unauthenticated, Forbidden."""


class FanOut:
    def __init__(self, ring: Ring, actors: Actors, teams: Teams) -> None:
        self._ring, self._actors, self._teams = ring, actors, teams
        self._subscribers: dict[UUID, dict[Subscriber, None]] = {}
        self._tasks = set[asyncio.Task[None]]()
        self._looking = asyncio.Semaphore(_LOOKED_UP_AT_ONCE)
        self._is_leaving = False
        self.closed = Counter[int]()
        """How many were sent away, by the code of their close."""

    def farthest_behind(self) -> int:
        """How many positions whoever is farthest behind has not got yet."""
        behind = (
            self._ring.ahead_of(each.actor.tenant, each.position)
            for some in self._subscribers.values()
            for each in some
        )
        return max(behind, default=0)

    def join(self, subscriber: Subscriber) -> None:
        """Send to it from now on, beginning with what it has missed."""
        self._subscribers.setdefault(subscriber.actor.tenant, {})[subscriber] = None
        note(subscriber.connection, "stream.begun", position=subscriber.position)
        if self._is_leaving:
            self._wait_for(subscriber, partial(_raising, Restarting()))
        else:
            self._advance(subscriber, {}, self._is_as_before)

    def leave(self, subscriber: Subscriber) -> None:
        """It has gone."""
        note(subscriber.connection, "stream.ended", position=subscriber.position)
        of_tenant = self._subscribers.get(subscriber.actor.tenant, {})
        of_tenant.pop(subscriber, None)
        if not of_tenant:
            self._subscribers.pop(subscriber.actor.tenant, None)
        if subscriber.task is not None:
            subscriber.task.cancel()

    async def run(self) -> None:
        """Send what happens until cancelled."""
        while True:
            for tenant in await self._ring.stirred():
                await self._deliver(tenant)

    async def watch(self) -> None:
        """Send away whoever may stay no longer, also where nothing happens; until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            for tenant in tuple(self._subscribers):
                await self._deliver(tenant, Subscriber.is_known)

    def dismiss(self) -> None:
        """Everybody is told where to resume: this process ends."""
        self._is_leaving = True
        for subscriber in [each for some in self._subscribers.values() for each in some]:
            if subscriber.task is not None:
                subscriber.task.cancel()
            self._wait_for(subscriber, partial(_raising, Restarting()))

    async def _deliver(self, tenant: UUID, is_judged: Judge | None = None) -> None:
        """`is_judged`: None for who is known as long as nobody's rights have changed."""
        parts: Parts = {}
        for number, subscriber in enumerate(tuple(self._subscribers.get(tenant, ())), start=1):
            if subscriber.task is None and (
                is_judged or not self._gets_the_same(subscriber, parts)
            ):
                self._advance(subscriber, parts, is_judged or self._is_as_before)
            if not number % _IN_A_TURN:
                await asyncio.sleep(0)

    def _gets_the_same(self, subscriber: Subscriber, parts: Parts) -> bool:
        """Send what others got before it, and pass over who reads slowly; False where there is more
        to see to.

        What `_advance` would do, in fewer steps: a sixth of what a message costs (measured).
        """
        ring = self._ring
        is_as_before = subscriber.was_live and subscriber.revision == self._actors.revision
        if not is_as_before or ring.is_silent:
            return False
        line = subscriber.line
        part = parts.get((subscriber.view, subscriber.position, line.encoded))
        if part is None or not part.is_last or subscriber.branch != ring.branch:
            return False
        if line.is_clear:
            if part.data:
                line.write(part.data)
            subscriber.position = part.position
        return True

    def _advance(self, subscriber: Subscriber, parts: Parts, is_judged: Judge) -> None:
        if self._ring.is_silent:
            self._wait_for(subscriber, partial(_raising, TailLost()))
            return
        try:
            if subscriber.branch != self._ring.branch:
                raise LogRestored
            if not is_judged(subscriber):
                self._wait_for(subscriber, partial(self._looked_up, subscriber))
            elif (work := self._sent(subscriber, parts)) is not None:
                self._wait_for(subscriber, work)
        except DomainError as error:
            self._wait_for(subscriber, partial(_raising, error))

    def _is_as_before(self, subscriber: Subscriber) -> bool:
        """Nobody's rights have changed since; whose token has expired is found by `watch`."""
        return subscriber.revision == self._actors.revision or subscriber.is_known()

    async def _looked_up(self, subscriber: Subscriber) -> None:
        async with self._looking:
            await subscriber.look_up()

    async def _teams_looked_up(self, messages: Sequence[Message]) -> None:
        async with self._looking:  # Who waits here for the same finds it known when it is his turn.
            await self._teams.look_up(messages)

    def _sent(self, subscriber: Subscriber, parts: Parts) -> Work | None:
        """Send what is in the ring for it: what it has to wait for before there can be more."""
        line = subscriber.line
        while line.is_clear:
            part = self._part(subscriber, parts)
            if part is None:
                return subscriber.catch_up
            if part.unjudged:
                return partial(self._teams_looked_up, part.unjudged)
            if part.data:
                line.write(part.data)
            subscriber.position = part.position
            if part.is_last:
                subscriber.was_live = subscriber.was_live or line.is_clear
                return None
        return None

    def _part(self, subscriber: Subscriber, parts: Parts) -> Part | None:
        view, position, encoded = subscriber.view, subscriber.position, subscriber.line.encoded
        place = view, position, encoded
        if place not in parts:
            messages = self._ring.after(subscriber.actor.tenant, position, at_most=_AT_ONCE)
            parts[place] = None if messages is None else self._made(*place, messages)
        return parts[place]

    def _made(
        self, view: View, position: int, encoded: Encoded, messages: Sequence[Message]
    ) -> Part:
        shown = view.of_these(messages)
        if view.teams is not None:
            within = self._teams.at_hand(shown, view.teams)
            if within is None:
                return Part(b"", position, unjudged=shown)
            shown = within
        reached = messages[-1].position if messages else position
        return Part(encoded(shown), reached, is_last=len(messages) < _AT_ONCE)

    def _wait_for(self, subscriber: Subscriber, work: Work) -> None:
        task = asyncio.create_task(
            self._done(subscriber, work), name="subscriber", context=subscriber.context
        )
        subscriber.task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _done(self, subscriber: Subscriber, work: Work) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001  # a line must never stay open and silent
            await subscriber.part(error)
        else:
            subscriber.task = None
            self._advance(subscriber, {}, self._is_as_before)


async def _raising(error: Exception) -> None:
    raise error
