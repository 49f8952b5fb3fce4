"""Pushes what happens over a WebSocket: from where the client stopped, at the client's pace."""

from collections.abc import Sequence

from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from api.accesses import refused
from api.branch import must_be_kept, whole_number
from api.problems import problem
from api.process import Process, process
from api.pushing.socket import SocketLine, protocol_of
from api.pushing.subscriber import Subscriber
from api.pushing.topics import asked_topics
from read_model.log_headers import last_position
from write_model.kernel.errors import DomainError, Forbidden, LogRestored, Unauthenticated

SUBPROTOCOL = "access_token"


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
            subscriber = await _subscriber(websocket, at)
            await websocket.accept(subprotocol=_answered_protocol(websocket))
            protocol_of(websocket.scope).settle()
            await _until_gone(websocket, subscriber)
    except DomainError as error:
        if isinstance(error, Forbidden):
            refused(websocket, error)
        await websocket.send_denial_response(problem(error, instance=websocket.scope["request_id"]))


ROUTE = WebSocketRoute("/v1/stream", stream)


async def _subscriber(websocket: WebSocket, at: Process) -> Subscriber:
    token = _token(websocket)
    actor = websocket.scope["actor"] = await at.identity.actors.of(token)
    topics = await asked_topics(websocket.query_params.get("topics", ""), at, actor)
    branch, last = at.ring.branch, await last_position(at.pool, actor.tenant)
    after = whole_number(websocket.query_params, "after")
    await must_be_kept(at, actor.tenant, websocket.query_params)
    if after is not None and after > last:
        raise LogRestored
    line, position = SocketLine(websocket), last if after is None else after
    return Subscriber(websocket, line, at, token, actor, topics, position, branch)


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


async def _until_gone(websocket: WebSocket, subscriber: Subscriber) -> None:
    """Return when the client has left or was sent away; what clients say is not listened to."""
    fan_out = process(websocket).fan_out
    fan_out.join(subscriber)
    try:
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass
    finally:
        fan_out.leave(subscriber)
