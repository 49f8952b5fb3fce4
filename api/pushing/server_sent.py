"""The stream as an answer that does not end: server-sent events (WHATWG HTML 9.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable

from pydantic_core import to_json

from projections.push import Message

MEDIA_TYPE = "text/event-stream"
BEGINS = b"retry: 2000\n\n"

_HEARTBEAT_S = 15.0
_HEARTBEAT = b":\n\n"
"""Whatever stands in between ends an answer in which nothing comes for a minute or so."""
_CLEAR_BYTES = 64 * 1024
_END = b"event: end\n"
_FAREWELL_S, _PATIENCE_S = 5.0, 40.0
"""So long who is sent away, and who may stay, need not read anything: as long as a WebSocket."""


class EventLine:
    """The way to one subscriber: what is written waits until the answer has taken it."""

    def __init__(self, cut: Callable[[], object]) -> None:
        """`cut`: ends the connection, unless its answer has ended."""
        self._cut = cut
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._news, self._clear = asyncio.Event(), asyncio.Event()
        self._clear.set()
        self._is_closed = False
        self._ends: asyncio.TimerHandle | None = None

    def write(self, data: bytes) -> None:
        self._waiting.append(data)
        self._bytes += len(data)
        self._news.set()
        if self._bytes > _CLEAR_BYTES and self.is_clear:
            self._clear.clear()
            self._ends = asyncio.get_running_loop().call_later(_PATIENCE_S, self._cut)

    @property
    def is_clear(self) -> bool:
        return self._clear.is_set()

    async def cleared(self) -> None:
        await self._clear.wait()

    async def close(self, code: int, reason: str) -> None:
        """Its last event says why, with the code that a WebSocket would be closed with.

        Who does not read it is cut off.
        """
        self.write(_END + self.encoded_text(to_json({"code": code, "reason": reason}).decode()))
        self._is_closed = True
        asyncio.get_running_loop().call_later(_FAREWELL_S, self._cut)

    async def sent(self) -> AsyncGenerator[bytes]:
        """What the answer consists of, until it is closed."""
        yield BEGINS
        while not (self._is_closed and not self._waiting):
            try:
                async with asyncio.timeout(_HEARTBEAT_S):
                    await self._news.wait()
            except TimeoutError:
                yield _HEARTBEAT
            else:
                yield self._taken()

    def _taken(self) -> bytes:
        taken = b"".join(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        self._news.clear()
        self._clear.set()
        if self._ends is not None:
            self._ends.cancel()
        return taken

    @staticmethod
    def encoded(messages: Iterable[Message]) -> bytes:
        return b"".join(
            b"id: %d:%d\ndata: %b\n\n" % (each.epoch, each.position, each.text.encode())
            for each in messages
        )

    @staticmethod
    def encoded_text(text: str) -> bytes:
        return b"data: %b\n\n" % text.encode()
