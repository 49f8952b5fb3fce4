"""One client who follows: how far it has got, what it may see, and its farewell."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, cast

import psycopg
import structlog
from pydantic_core import from_json
from starlette.requests import HTTPConnection

from api.accesses import refused
from api.process import Process
from api.pushing.topics import Topic, View
from api.tracing import note
from projections.push import Message, message
from read_model.log_headers import missed
from write_model.kernel.access import Actor
from write_model.kernel.errors import Forbidden, LogRestored, Unauthenticated, Unavailable

log = structlog.get_logger(__name__)

POLICY, RESTARTING, TOO_SLOW, OUT_OF_REACH = 1008, 1012, 1013, 1014
GOES_ON = '{"type":"stream.token_taken"}'


class Line(Protocol):
    """The way to a client."""

    @property
    def write(self) -> Writing: ...
    @property
    def is_clear(self) -> bool: ...
    async def cleared(self) -> None: ...
    async def close(self, code: int, reason: str) -> None: ...
    def encoded(self, messages: Sequence[Message]) -> bytes: ...
    def encoded_text(self, text: str) -> bytes: ...


class Writing(Protocol):
    def __call__(self, data: bytes, /) -> None: ...


class FellBehind(Exception):
    """What the client has not taken yet is no longer in the ring."""


class TailLost(Exception):
    """This process does not hear what happens; another one may."""


class Restarting(Exception):
    """This process ends; another one serves."""


@dataclass(slots=True, eq=False)
class Subscriber:
    """`branch`: of the ring, when it began. `revision`: of what is known of people, when its actor
    was judged last; None for never.
    """

    connection: HTTPConnection
    line: Line
    at: Process
    token: str
    actor: Actor
    topics: tuple[Topic, ...]
    position: int
    branch: int
    view: View = field(init=False)
    revision: int | None = None
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    task: asyncio.Task[None] | None = None
    """What it has to wait for: it is looked up, catches up or is sent away."""
    was_live: bool = False

    MISSED_AT_ONCE: ClassVar[int] = 500

    def __post_init__(self) -> None:
        self.view = View.of(self.actor, self.topics)

    def is_known(self) -> bool:
        """Whether its rights are known for certain, without asking anybody.

        Raises: Unauthenticated, Forbidden.
        """
        actors = self.at.identity.actors
        known = actors.at_hand(self.token)
        if known is None:
            return False
        self._is_now(known, actors.revision)
        return True

    async def look_up(self) -> None:
        """Who the client is now. Raises: Unauthenticated, Forbidden."""
        actors = self.at.identity.actors
        revision = actors.revision
        async with self._soon():
            found = await actors.of(self.token)
        self._is_now(found, revision)

    def _is_now(self, actor: Actor, revision: int) -> None:
        if actor is not self.actor:
            self.view = View.of(actor, self.topics)
            self.actor = actor
        self.revision = revision

    async def hear(self, text: str) -> None:
        """What the client says: another access token of the same person, or nothing of interest."""
        token = _told_token(text)
        if token is None:
            return
        try:
            await self._go_on_with(token)
        except Exception as error:  # noqa: BLE001  # the line is closed with the reason
            await self.part(error)
        else:
            await self.line.cleared()  # Who never reads must not have answers heaped up.
            self.line.write(self.line.encoded_text(GOES_ON))

    async def _go_on_with(self, token: str) -> None:
        async with self._soon():
            found = await self.at.identity.actors.of(token)
        if (found.id, found.tenant) != (self.actor.id, self.actor.tenant):
            raise Unauthenticated("This access token is somebody else's.")
        self.token, self.revision = token, None

    async def catch_up(self) -> None:
        """Send what the log has, until the ring has the rest.

        Whoever was live is helped once, not page after page. Raises: FellBehind.
        """
        is_helped = False
        while not self._is_in_the_ring():
            if is_helped:
                raise FellBehind
            is_helped = self.was_live
            page = await self._missed()
            if self.was_live and not page:
                raise FellBehind
            await self.look_up()
            await self._send(page)
            if not page:
                self._must_be_on_this_branch()
                self.at.ring.begin(self.actor.tenant, self.position)
            await self.line.cleared()

    def _is_in_the_ring(self) -> bool:
        return self.at.ring.after(self.actor.tenant, self.position, at_most=1) is not None

    def _must_be_on_this_branch(self) -> None:
        """Else the ring would go on from a position that the log has lost.

        Raises: LogRestored.
        """
        if self.branch != self.at.ring.branch:
            raise LogRestored

    async def _send(self, messages: Sequence[Message]) -> None:
        shown = self.view.of_these(messages)
        if self.view.teams is not None:
            async with self._soon():
                shown = await self.at.teams.of(shown, self.view.teams)
        if messages:
            self.line.write(self.line.encoded(shown))
            self.position = messages[-1].position

    async def _missed(self) -> list[Message]:
        async with self._soon():
            headers = await missed(
                self.at.pool, self.actor.tenant, self.position, self.MISSED_AT_ONCE
            )
        return [message(header) for header in headers]

    def _soon(self) -> asyncio.Timeout:
        """No longer than a request may take: the pool would wait for half a minute."""
        return asyncio.timeout(self.at.settings.command_deadline_s)

    async def part(self, error: Exception) -> None:
        """Tell it why it ends, and from where to resume."""
        code, reason = self._farewell(error)
        self.at.fan_out.closed[code] += 1
        note(self.connection, "stream.sent_away", code=code, position=self.position)
        await self.line.close(code, reason)

    def _farewell(self, error: Exception) -> tuple[int, str]:
        match error:
            case Unauthenticated():
                return POLICY, self._resumable("signed out or expired")
            case Forbidden():
                refused(self.connection, error)
                return POLICY, self._resumable("no longer permitted")
            case FellBehind():
                return TOO_SLOW, self._resumable("too slow")
            case TailLost():
                return OUT_OF_REACH, self._resumable("the log is out of reach here")
            case LogRestored():
                return RESTARTING, "the log was restored; start anew"
            case Restarting():
                return RESTARTING, self._resumable("restarting")
            case psycopg.Error() | TimeoutError() | Unavailable():
                log.warning("a_subscriber_was_let_down", reason=type(error).__name__)
            case _:
                log.error("a_subscriber_was_let_down", exc_info=error)
        return RESTARTING, self._resumable("trouble on our side")

    def _resumable(self, why: str) -> str:
        return f"{why}; resume after {self.position}"


def _told_token(text: str) -> str | None:
    try:
        said = from_json(text)
    except ValueError:
        return None
    token = cast("dict[str, object]", said).get("access_token") if isinstance(said, dict) else None
    return token if isinstance(token, str) else None
