"""Pushes what happens: over a WebSocket, or as an answer that does not end."""

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json
from starlette.datastructures import QueryParams
from starlette.requests import HTTPConnection
from starlette.responses import StreamingResponse
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from api.accesses import refused
from api.admission import admitted
from api.answers.signing_in import StreamTicket
from api.branch import must_be_kept, whole_number
from api.commands import JSON
from api.doorkeeper import CUT
from api.identity.promised import NOT_KEPT
from api.limits import STREAMS
from api.openapi import PERMISSION, QUERY_ERRORS, answers, problems
from api.problems import problem
from api.process import Process, process
from api.pushing.coming_in import SUBPROTOCOL, access_token, comes_in, must_come_from_here
from api.pushing.server_sent import MEDIA_TYPE, EventLine
from api.pushing.socket import SocketLine, protocol_of
from api.pushing.subscriber import Line, Subscriber
from api.pushing.tickets import LIVES
from api.pushing.topics import asked_topics
from read_model.log_headers import last_position
from write_model.kernel.errors import DomainError, LogRestored, Unavailable

router = APIRouter(prefix="/v1/stream", tags=["Events"])

_SILENT = "The log is out of reach of this process; connect again, and another one may answer."
_OWN = "people.read"
"""Every role carries it: a ticket is good for what its owner may see."""


@router.post(
    "/tickets",
    status_code=201,
    openapi_extra={
        PERMISSION: _OWN,
        "responses": {**answers(StreamTicket, 201), **problems(QUERY_ERRORS)},
    },
)
async def ticket(request: Request) -> Response:
    """A ticket that opens the stream once, within half a minute: `?ticket=` for a browser.

    It follows with the rights of the access token that asks for it, and no longer than that.
    """
    async with admitted(request, _OWN) as actor:
        actor.must_be_a_person()
        at = process(request)
        made = at.tickets.issue(await access_token(request, at))
    content = {"ticket": made, "expires_in": int(LIVES.total_seconds())}
    return Response(to_json(content), 201, NOT_KEPT, JSON)


@router.get("", include_in_schema=False, openapi_extra={PERMISSION: _OWN})
async def server_sent(request: Request) -> Response:
    """The same as server-sent events; described beside the WebSocket, in /asyncapi.json."""
    at, line = process(request), EventLine(request.scope[CUT])
    with at.budgets.streams:
        subscriber = await _subscriber(request, at, line, _resuming(request))
    return _Followed(at, subscriber, line)


def _resuming(request: Request) -> QueryParams:
    """A browser that connects again by itself says what it saw last."""
    last = request.headers.get("last-event-id")
    if last is None:
        return request.query_params
    epoch, _, after = last.partition(":")
    return QueryParams({**request.query_params, "epoch": epoch, "after": after})


class _Followed(StreamingResponse):
    """Follows for as long as its client listens, and no longer."""

    def __init__(self, at: Process, subscriber: Subscriber, line: EventLine) -> None:
        super().__init__(line.sent(), 200, NOT_KEPT, MEDIA_TYPE)
        self._at, self._subscriber = at, subscriber

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._at.budgets.streams:
            self._at.fan_out.join(self._subscriber)
            try:
                await super().__call__(scope, receive, send)
            finally:
                self._at.fan_out.leave(self._subscriber)


class Sockets:
    """Stands before the framework, whose way to a route keeps 8 KB of every connection for as long
    as it lasts (measured).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and scope["path"] == ROUTE.path:
            scope["route"] = ROUTE
            await stream(WebSocket(scope, receive, send))
        else:
            await self._app(scope, receive, send)


async def stream(websocket: WebSocket) -> None:
    """Follow what happens; `after` resumes, `topics` narrows."""
    at = process(websocket)
    try:
        with at.budgets.streams:
            line = SocketLine(websocket)
            subscriber = await _subscriber(websocket, at, line, websocket.query_params)
            await websocket.accept(subprotocol=_answered_protocol(websocket))
            protocol_of(websocket.scope).settle()
            await _until_gone(websocket, subscriber)
    except DomainError as error:
        refused(websocket, error)
        await websocket.send_denial_response(problem(error, instance=websocket.scope["request_id"]))


ROUTE = WebSocketRoute("/v1/stream", stream)


async def _subscriber(
    connection: HTTPConnection, at: Process, line: Line, given: QueryParams
) -> Subscriber:
    must_come_from_here(connection, at)
    if at.ring.is_silent:  # Before a ticket is spent, which is good once.
        raise Unavailable(message=_SILENT)
    token = await access_token(connection, at)
    actor = connection.scope["actor"] = await comes_in(connection, at, token)
    await at.limits.spend(STREAMS, actor)
    topics = await asked_topics(given.get("topics", ""), at, actor)
    branch, last = at.ring.branch, await last_position(at.pool, actor.tenant)
    after = whole_number(given, "after")
    await must_be_kept(at, actor.tenant, given)
    if after is not None and after > last:
        raise LogRestored
    position = last if after is None else after
    return Subscriber(connection, line, at, token, actor, topics, position, branch)


def _answered_protocol(websocket: WebSocket) -> str | None:
    return SUBPROTOCOL if SUBPROTOCOL in websocket.scope["subprotocols"] else None


async def _until_gone(websocket: WebSocket, subscriber: Subscriber) -> None:
    """Return when the client has left or was sent away."""
    fan_out = process(websocket).fan_out
    fan_out.join(subscriber)
    try:
        while (said := await websocket.receive())["type"] != "websocket.disconnect":
            await subscriber.hear(said.get("text") or "")
    finally:
        fan_out.leave(subscriber)
