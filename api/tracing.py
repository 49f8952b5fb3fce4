"""Around every request and stream where spans are wanted: its trace is the correlation id."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from write_model.kernel.tracing import Tracing

_W3C = ("traceparent", "tracestate")
_CORRELATION = b"x-correlation-id"
_UUID_CHARACTERS = 36
_SPAN = "tallystick.span"
_ANSWERED = frozenset({"http.response.start", "websocket.http.response.start"})


class Traced:
    """Pure ASGI, outside of everything else."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app, self._tracing = app, tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        correlation = _correlation(scope)
        carrier = {name: value for name in _W3C if (value := _header(scope, name.encode()))}
        with self._tracing.request(carrier, correlation) as span:
            if correlation is None:
                # Events keep it, so that the projector finds the trace again.
                trace = str(UUID(int=span.get_span_context().trace_id)).encode()
                scope["headers"] = [*scope["headers"], (_CORRELATION, trace)]
            if not span.is_recording():
                await self._app(scope, receive, send)
                return
            scope[_SPAN] = span
            try:
                await self._app(scope, receive, _noting_status(send, span))
            finally:
                _describe(span, scope)


def note(connection: HTTPConnection, event: str, **facts: int) -> None:
    """What a stream is at, on its span; nothing where no spans are wanted."""
    if (span := connection.scope.get(_SPAN)) is not None:
        span.add_event(event, {f"tallystick.{name}": fact for name, fact in facts.items()})


def _noting_status(send: Send, span: Span) -> Send:
    async def noted(message: Message) -> None:
        if message["type"] == "websocket.accept":
            span.set_attribute("http.response.status_code", 101)
        elif message["type"] in _ANSWERED:
            span.set_attribute("http.response.status_code", message["status"])
            if message["status"] >= 500:
                _failed(span)
        await send(message)

    return noted


def _failed(span: Span) -> None:
    from opentelemetry.trace import StatusCode

    span.set_status(StatusCode.ERROR)


def _describe(span: Span, scope: Scope) -> None:
    """By route, never by address, which may hold what is personal."""
    route = getattr(scope.get("route"), "path", None)
    method = scope.get("method", "GET")  # As a WebSocket begins.
    span.update_name(f"{method} {route}" if route else method)
    span.set_attribute("http.request.method", method)
    if route:
        span.set_attribute("http.route", route)
    span.set_attribute("tallystick.request_id", scope["request_id"])
    span.set_attribute("tallystick.correlation_id", str(scope["correlation_id"]))


def _correlation(scope: Scope) -> UUID | None:
    text = _header(scope, _CORRELATION)
    try:
        return UUID(text) if len(text) == _UUID_CHARACTERS else None
    except ValueError:
        return None


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for each, value in scope["headers"] if each == name), "")
