"""One frame, made once, to every socket: the least that a message to many can cost.

Nothing is followed, judged or kept, and whoever does not read fills the memory of the process.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from typing import cast
from urllib.parse import parse_qs, urlsplit

import uvloop

from api.serve import spare_the_collector

LENGTH = 290
"""Bytes of a message, as long as the product's are on the whole."""
_FRAME = b"\x81\x7e" + LENGTH.to_bytes(2, "big") + b"x" * LENGTH
"""Text, not masked, its length in two bytes (RFC 6455 5.2)."""
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What a key is answered with (RFC 6455 1.3)."""

_followers: set[asyncio.Transport] = set()
_saying: set[asyncio.Task[None]] = set()


class _Line(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        _followers.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"POST "):
            asked = parse_qs(urlsplit(data.split(b" ", 2)[1].decode()).query)
            saying = asyncio.create_task(_say(int(asked["messages"][0]), float(asked["per_s"][0])))
            _saying.add(saying)
            saying.add_done_callback(_saying.discard)
            self._transport.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        elif self._transport not in _followers:
            self._greet(data)

    def _greet(self, data: bytes) -> None:
        key = data.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
        accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        _followers.add(self._transport)


async def _say(messages: int, per_s: float) -> None:
    for _ in range(messages):
        await asyncio.sleep(1 / per_s)
        for each in _followers:
            each.write(_FRAME)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    port = int(os.environ["TALLYSTICK_PORT"])
    server = await loop.create_server(_Line, "127.0.0.1", port, backlog=1_000)
    await server.serve_forever()


def main() -> None:
    spare_the_collector()
    uvloop.run(_serve())
