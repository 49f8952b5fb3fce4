"""Many who follow one api process over WebSockets, in a process of their own: they only count.

A library's client would cost more than the server that is measured, so frames are told apart here:
what a server sends is never masked (RFC 6455 5.1).
"""

from __future__ import annotations

import asyncio
import base64
import multiprocessing
import os
import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from time import monotonic
from typing import cast

import uvloop

_PATIENCE_S = 60.0
_AT_ONCE = 50
_TEXT, _PING = 0x81, 0x89
_PONG = b"\x8a\x84\x00\x00\x00\x00"
"""Masked with zeros, four bytes: as long as the pings that are sent."""
_SMALL_BUFFER = 4_096


@dataclass(frozen=True, slots=True)
class Asked:
    """`stuck`: so many of them read nothing after the handshake."""

    port: int
    token: str
    count: int
    stuck: int = 0


class Followers:
    """The process, once all of them are connected."""

    def __init__(self, line: Connection) -> None:
        self._line = line

    def arrivals(self, messages: int) -> Sequence[Sequence[float]]:
        """When each follower had each of so many further messages, by the monotonic clock.

        Shorter where they did not all come within a minute.
        """
        self._line.send(messages)
        found: Sequence[Sequence[float]] = self._line.recv()
        return found


@contextmanager
def followers(asked: Asked) -> Generator[Followers]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_main, args=(asked, there))
    process.start()
    there.close()  # So that this side hears of its end.
    try:
        assert here.recv() == "connected"
        yield Followers(here)
    finally:
        here.close()
        process.join(_PATIENCE_S)
        process.kill()


def _main(asked: Asked, line: Connection) -> None:
    uvloop.run(_following(asked, line))


async def _following(asked: Asked, line: Connection) -> None:
    loop = asyncio.get_running_loop()
    all_of_them = [_Follower() for _ in range(asked.count)]
    for at in range(0, asked.count, _AT_ONCE):
        group = all_of_them[at : at + _AT_ONCE]
        await asyncio.gather(*(_connected(each, asked) for each in group))
    for stuck in all_of_them[: asked.stuck]:
        stuck.stop_reading()
    reading = all_of_them[asked.stuck :]
    line.send("connected")
    with suppress(EOFError):
        while True:
            line.send(await _arrived(reading, await loop.run_in_executor(None, line.recv)))


async def _connected(follower: _Follower, asked: Asked) -> None:
    loop = asyncio.get_running_loop()
    connection = socket.socket()
    connection.setblocking(False)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER * 16)
    await loop.sock_connect(connection, ("127.0.0.1", asked.port))
    await loop.create_connection(lambda: follower, sock=connection)
    follower.greet(asked)
    async with asyncio.timeout(_PATIENCE_S):
        await follower.greeted.wait()


async def _arrived(reading: Sequence[_Follower], messages: int) -> list[list[float]]:
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            for each in reading:
                await each.has(messages)
    found = [each.times[:messages] for each in reading]
    for each in reading:
        del each.times[:messages]
    return found


@dataclass(slots=True, eq=False)
class _Follower(asyncio.Protocol):
    times: list[float] = field(default_factory=list[float])
    greeted: asyncio.Event = field(default_factory=asyncio.Event)
    _transport: asyncio.Transport | None = None
    _rest: bytes = b""
    _awaited: int = 0
    _complete: asyncio.Event = field(default_factory=asyncio.Event)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def greet(self, asked: Asked) -> None:
        assert self._transport
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Authorization: Bearer {asked.token}\r\n\r\n".encode()
        )

    async def has(self, messages: int) -> None:
        """Return once so many have come."""
        self._awaited = messages
        if len(self.times) < messages:
            self._complete.clear()
            await self._complete.wait()

    def stop_reading(self) -> None:
        assert self._transport
        self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        if not self.greeted.is_set():
            head, end, data = data.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101"), head
            assert end
            self.greeted.set()
        at, now = 0, monotonic()
        while (end_at := _end_of_frame(data, at)) is not None:
            if data[at] == _TEXT:
                self.times.append(now)
            elif data[at] == _PING:
                assert self._transport
                self._transport.write(_PONG + data[at + 2 : end_at])
            at = end_at
        self._rest = data[at:]
        if len(self.times) >= self._awaited:
            self._complete.set()


def _end_of_frame(data: bytes, at: int) -> int | None:
    if len(data) < at + 4:
        return at + 2 if len(data) == at + 2 and not data[at + 1] else None
    length = data[at + 1]
    end = at + 2 + length if length < 126 else at + 4 + int.from_bytes(data[at + 2 : at + 4], "big")
    return end if end <= len(data) else None
