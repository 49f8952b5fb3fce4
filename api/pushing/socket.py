"""Sockets that take frames as they are: one buffer for all who are shown the same.

Through the server's own way a message costs a coroutine, an event and a frame for every subscriber.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, cast

from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from api.header_fields import forget
from projections.push import Message

_EXTENSION = "tallystick.socket"
_SWITCHED = 101
_REFUSAL = "websocket.http.response.body"
_TEXT = 0x81
_SHORT, _LONGER = 126, 65_536
_FAREWELL_S = 5.0


class SocketProtocol(WebSocketsSansIOProtocol):
    """The server's protocol, known to the application that it serves."""

    scope: Any
    request: Any
    response: Any

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == _SWITCHED:
            self.scope["extensions"][_EXTENSION] = self

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == _REFUSAL and not message.get("more_body", False):
            # Without it the server takes an answered refusal for a fault, and tells so.
            self.handshake_complete = True

    def settle(self) -> None:
        """The handshake is over: what it needed is 4 KB (measured)."""
        for headers in (self.request.headers, self.response.headers, self.scope["headers"]):
            headers.clear()
        forget(self.scope)

    def write(self, frames: bytes) -> None:
        """Whole frames; nothing once it closes."""
        if not (self.close_sent or self.transport.is_closing()):
            self.transport.write(frames)


class SocketLine:
    """The way to one subscriber over a WebSocket."""

    __slots__ = ("_protocol", "_websocket", "write")

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket, self._protocol = websocket, protocol_of(websocket.scope)
        self.write = self._protocol.write

    @property
    def is_clear(self) -> bool:
        """Whether what was written before has gone out, but for some 64 KB."""
        return self._protocol.writable.is_set()

    async def cleared(self) -> None:
        await self._protocol.writable.wait()

    async def close(self, code: int, reason: str) -> None:
        """Say why, to whoever reads; cut off who does not."""
        try:
            async with asyncio.timeout(_FAREWELL_S):
                await self._websocket.close(code, reason)
        except (TimeoutError, RuntimeError, WebSocketDisconnect):
            self._protocol.transport.abort()

    @staticmethod
    def encoded(messages: Iterable[Message]) -> bytes:
        return b"".join(text_frame(message.text.encode()) for message in messages)

    @staticmethod
    def encoded_text(text: str) -> bytes:
        return text_frame(text.encode())


def protocol_of(scope: Scope) -> SocketProtocol:
    return cast("SocketProtocol", scope["extensions"][_EXTENSION])


def text_frame(payload: bytes) -> bytes:
    """A whole text message of a server (RFC 6455 5.2): never masked."""
    length = len(payload)
    if length < _SHORT:
        return bytes((_TEXT, length)) + payload
    if length < _LONGER:
        return bytes((_TEXT, 126)) + length.to_bytes(2, "big") + payload
    return bytes((_TEXT, 127)) + length.to_bytes(8, "big") + payload
