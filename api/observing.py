"""Around every request: its ids, what it took, and an answer even to our own faults."""

from __future__ import annotations

import logging
import re
import time
from asyncio import CancelledError
from uuid import UUID

import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from api.deprecating import GOES
from api.guarding import guard
from api.places import PLACE, Place
from api.problems import unexpected
from api.requests_seen import NO_ROUTE, RequestsSeen
from api.whole import written_whole
from write_model.kernel.ids import new_name

LIMITS = "limits"
"""Where the scope holds the headers that say how often its caller may still ask."""

log = structlog.get_logger(__name__)

_START = "http.response.start"
_UUID_CHARACTERS = 36
# It comes back in a header and in JSON, and stands in the log: nothing there needs escaping.
_PLAIN = re.compile(rb"[!#-\[\]-~](?:[ !#-\[\]-~]{0,126}[!#-\[\]-~])?")


class Observed:
    """Pure ASGI: a middleware of the framework's own kind costs a task per request."""

    def __init__(self, app: ASGIApp, seen: RequestsSeen) -> None:
        self._app, self._seen = app, seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                await Exchange(scope, send).run(self._app, receive, self._seen)
            case "websocket":
                _name(scope)
                await self._app(scope, receive, send)
            case _:
                await self._app(scope, receive, send)


class Exchange:
    """One request and its answer."""

    __slots__ = ("_began", "_correlation", "_request", "_scope", "_send", "_status")

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self._status = 0
        self._began = time.perf_counter()
        self._request, self._correlation = _name(scope)

    async def run(self, app: ASGIApp, receive: Receive, seen: RequestsSeen) -> None:
        try:
            await self._answered(app, receive)
        finally:
            route = getattr(self._scope.get("route"), "path", NO_ROUTE)
            took_s = time.perf_counter() - self._began
            seen.add(self._scope["method"], route, self._status, took_s)

    async def _answered(self, app: ASGIApp, receive: Receive) -> None:
        try:
            await app(self._scope, receive, self.send)
        except CancelledError:
            place: Place | None = self._scope.get(PLACE)
            if place is None or not place.was_left:
                raise
        except Exception:
            log.exception("request_failed", **self._facts())
            if self._status:
                raise
            await unexpected(self._scope["request_id"])(self._scope, receive, self.send)
        # A line a request would cost a tenth of it; who needs them sets the level to DEBUG.
        if log.is_enabled_for(logging.DEBUG):
            log.debug("request", **self._facts())

    async def answer(self, response: Response) -> None:
        """An answer that is there as a whole."""
        status, headers, body = response.status_code, response.raw_headers, bytes(response.body)
        self._begin(status, headers)
        if not written_whole(self._send, status, headers, body):
            await self._send({"type": _START, "status": status, "headers": headers})
            await self._send({"type": "http.response.body", "body": body})

    async def send(self, message: Message) -> None:
        if message["type"] == _START:
            self._begin(message["status"], message["headers"])
        await self._send(message)

    def _begin(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self._status = status
        guard(headers, encrypted=self._scope["scheme"] == "https")
        headers += self._scope.get(LIMITS, ())
        headers += self._scope.get(GOES, ())
        headers.append((b"x-request-id", self._request))
        if self._correlation is not None:
            headers.append((b"x-correlation-id", str(self._correlation).encode()))

    def _facts(self) -> dict[str, object]:
        """No address, query or body: they may hold what is personal."""
        route = self._scope.get("route")
        return {
            "method": self._scope["method"],
            "route": getattr(route, "path", None),
            "status": self._status,
            "ms": round((time.perf_counter() - self._began) * 1_000, 2),
        }


def exchange_of(send: Send) -> Exchange | None:
    """Whose it is; None where somebody stands between who has to see what is sent."""
    found = getattr(send, "__self__", None)
    return found if isinstance(found, Exchange) else None


def _name(scope: Scope) -> tuple[bytes, UUID | None]:
    """The request's ids, for whoever serves it and on every line that is logged meanwhile."""
    request, correlation = _ids(scope)
    named: dict[str, object] = {"request_id": request.decode(), "correlation_id": correlation}
    scope.update(named)
    # 0.5 µs (measured). None is bound too: a pipelined request runs as a task that begins with the
    # variables of the one before it.
    bind_contextvars(**named)
    return request, correlation


def _ids(scope: Scope) -> tuple[bytes, UUID | None]:
    request, correlation = b"", None
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _PLAIN.fullmatch(value):
            request = value
        elif name == b"x-correlation-id":
            correlation = _uuid(value)
    return request or new_name().encode(), correlation


def _uuid(value: bytes) -> UUID | None:
    """Events keep correlation ids as UUIDs, so another kind of id is left alone."""
    try:
        return UUID(value.decode("ascii")) if len(value) == _UUID_CHARACTERS else None
    except ValueError:
        return None
