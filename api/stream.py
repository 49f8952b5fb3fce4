"""Pushes what happens over a WebSocket: from where the client stopped, at the client's pace."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

import psycopg
import structlog
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from api.accesses import refused
from api.branch import must_be_kept, whole_number
from api.limits import STREAMS
from api.problems import problem
from api.process import Process, process
from api.references import record_id
from projections.push import Message, message
from read_model.log_headers import last_position, missed
from write_model.incident.incident import INCIDENT
from write_model.kernel.access import Actor
from write_model.kernel.errors import (
    DomainError,
    Forbidden,
    Invalid,
    LogRestored,
    Unauthenticated,
    Unavailable,
)

log = structlog.get_logger(__name__)

router = APIRouter()

SUBPROTOCOL = "access_token"
POLICY, RESTARTING, TOO_SLOW = 1008, 1012, 1013

_AT_ONCE = 256
_KINDS = {"incidents": "incident", "members": "membership", "organization": "organization"}
_PERMISSIONS = {"incident": "incident.read"}
_OTHERWISE = "events.read"


@dataclass(frozen=True, slots=True)
class Topic:
    """All records of a kind, or one of them."""

    kind: str
    subject: UUID | None = None


@router.websocket("/v1/stream")
async def stream(websocket: WebSocket) -> None:
    """Follow what happens; `after` resumes, `topics` narrows."""
    at = process(websocket)
    try:
        with at.budgets.streams:
            subscriber = await _subscriber(websocket, at)
            await websocket.accept(subprotocol=_answered_protocol(websocket))
            await _until_gone(websocket, subscriber)
    except DomainError as error:
        if isinstance(error, Forbidden):
            refused(websocket, error)
        await websocket.send_denial_response(problem(error, instance=websocket.scope["request_id"]))


async def _subscriber(websocket: WebSocket, at: Process) -> "Subscriber":
    token = _token(websocket)
    actor = websocket.scope["actor"] = await at.identity.actors.of(token)
    await at.limits.spend(STREAMS, actor)
    topics = await _topics(websocket.query_params.get("topics", ""), at, actor)
    branch, last = at.ring.branch, await last_position(at.pool, actor.tenant)
    after = whole_number(websocket.query_params, "after")
    await must_be_kept(at, actor.tenant, websocket.query_params)
    if after is not None and after > last:
        raise LogRestored
    return Subscriber(websocket, at, token, actor, topics, last if after is None else after, branch)


def _token(websocket: WebSocket) -> str:
    """From the header, or for browsers from the subprotocols; never from the address."""
    scheme, _, token = websocket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token
    offered: Sequence[str] = websocket.scope["subprotocols"]
    if len(offered) == 2 and offered[0] == SUBPROTOCOL:
        return offered[1]
    raise Unauthenticated("Sign in: send an access token as Authorization: Bearer.")


def _answered_protocol(websocket: WebSocket) -> str | None:
    return SUBPROTOCOL if SUBPROTOCOL in websocket.scope["subprotocols"] else None


async def _topics(text: str, at: Process, actor: Actor) -> tuple[Topic, ...]:
    return tuple([await _topic(name.strip(), at, actor) for name in text.split(",") if name])


async def _topic(name: str, at: Process, actor: Actor) -> Topic:
    collection, _, record = name.partition(":")
    kind = _KINDS.get(collection)
    if kind is None:
        raise Invalid(f"There is no topic {collection!r}.", field="topics")
    actor.must(_permission(kind))
    if not record:
        return Topic(kind)
    if kind != INCIDENT.name:
        message = f"Single records are followed of incidents only: say {collection!r}."
        raise Invalid(message, field="topics")
    return Topic(kind, await record_id(at.write_model, actor.tenant, INCIDENT, record))


def _permission(kind: str) -> str:
    return _PERMISSIONS.get(kind, _OTHERWISE)


async def _until_gone(websocket: WebSocket, subscriber: "Subscriber") -> None:
    """Send until the client goes away or is sent away."""
    tasks = [asyncio.create_task(work) for work in (subscriber.send_all(), _gone(websocket))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _gone(websocket: WebSocket) -> None:
    """Return when the client has left; what clients say is not listened to."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


@dataclass(slots=True)
class Subscriber:
    """One client, how far it has got, and what it may see."""

    websocket: WebSocket
    at: Process
    token: str
    actor: Actor
    topics: tuple[Topic, ...]
    position: int
    branch: int
    _is_live: bool = False
    _is_behind: bool = False
    """It was live, the ring went on without it, and the log was asked once for what it missed."""

    MISSED_AT_ONCE: ClassVar[int] = 500

    async def send_all(self) -> None:
        """Send what happens until the socket is closed, with a position to resume after."""
        try:
            while not self.at.draining.is_set():
                await self._send_next()
        except WebSocketDisconnect:
            return
        except Exception as error:  # noqa: BLE001  # a socket must never stay open and silent
            await self.websocket.close(*self._farewell(error))
        else:
            await self.websocket.close(RESTARTING, self._resumable("restarting"))

    def _farewell(self, error: Exception) -> tuple[int, str]:
        match error:
            case Unauthenticated():
                return POLICY, self._resumable("signed out or expired")
            case Forbidden():
                refused(self.websocket, error)
                return POLICY, self._resumable("no longer permitted")
            case _FellBehind():
                return TOO_SLOW, self._resumable("too slow")
            case LogRestored():
                return RESTARTING, "the log was restored; start anew"
            case psycopg.Error() | TimeoutError() | Unavailable():
                log.warning("a_subscriber_was_let_down", reason=type(error).__name__)
            case _:
                log.error("a_subscriber_was_let_down", exc_info=error)
        return RESTARTING, self._resumable("trouble on our side")

    def _resumable(self, why: str) -> str:
        return f"{why}; resume after {self.position}"

    async def _send_next(self) -> None:
        if self.branch != self.at.ring.branch:
            raise LogRestored
        tenant, news = self.actor.tenant, self.at.ring.news(self.actor.tenant)
        messages = self.at.ring.after(tenant, self.position, at_most=_AT_ONCE)
        if messages is None:
            messages = await self._missed()
        else:
            self._is_live, self._is_behind = True, False
        if messages:
            await self._deliver(messages)
        else:
            await news.wait()
            await self._renew()

    async def _missed(self) -> list[Message]:
        """What the log has of it; whoever was live is helped once, not page after page."""
        if self._is_behind:
            raise _FellBehind
        self._is_behind = self._is_live
        tenant, pool = self.actor.tenant, self.at.pool
        async with self._soon():
            headers = await missed(pool, tenant, self.position, self.MISSED_AT_ONCE)
        if self._is_live and not headers:
            raise _FellBehind
        return [message(header) for header in headers]

    async def _deliver(self, messages: Sequence[Message]) -> None:
        await self._renew()
        for each in messages:
            if self._shows(each):
                await self.websocket.send_text(each.text)
            self.position = each.position

    async def _renew(self) -> None:
        """Who the client is now: the tail evicts whoever has changed."""
        async with self._soon():
            self.actor = await self.at.identity.actors.of(self.token)
        for topic in self.topics:
            self.actor.must(_permission(topic.kind))

    def _soon(self) -> asyncio.Timeout:
        """No longer than a request may take: the pool would wait for half a minute."""
        return asyncio.timeout(self.at.settings.command_deadline_s)

    def _shows(self, message: Message) -> bool:
        if not self.topics:
            return self.actor.may(_permission(message.kind))
        return any(
            topic.kind == message.kind and topic.subject in (None, message.subject)
            for topic in self.topics
        )


class _FellBehind(Exception):
    """What the client has not taken yet is no longer in the ring."""
