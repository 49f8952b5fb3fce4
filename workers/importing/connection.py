"""One kept-alive HTTP/1.1 connection that carries one request at a time, at little cost.

Our own, because the client shares two cores with the server: see
docs/decisions/0030-import-client.md for what it costs beside a ready-made one.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser


class ConnectionLost(OSError):
    """The other side went away before the answer was complete; nobody knows what it did."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Header names in lower case; the last of a repeated one counts."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def retry_after_s(self, otherwise: float) -> float:
        """The seconds the server asks for; a date in its place is not read."""
        text = self.headers.get(b"retry-after", b"")
        return float(text) if text.isdigit() else otherwise


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the server is; `prefix` is the part of the path before /v1."""

    host: str
    port: int
    secure: bool
    prefix: str

    @classmethod
    def of(cls, url: str) -> Origin:
        """Raises: ValueError when it is not an http or https address."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not an address like http://127.0.0.1:8400.")
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        return cls(parts.hostname, port, secure, parts.path.rstrip("/"))

    @property
    def url(self) -> str:
        """The address again, without a closing slash."""
        return f"{'https' if self.secure else 'http'}://{self.authority}{self.prefix}"

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Connection:
    """Opens itself when it is needed, and again after it was lost."""

    def __init__(self, origin: Origin, *, timeout_s: float = 30.0) -> None:
        self._origin = origin
        self._timeout_s = timeout_s
        self._wire: _Wire | None = None

    async def ask(self, request: bytes) -> Answer:
        """Send one complete request and wait for its answer.

        Raises: OSError when there is no connection or it ends early (ConnectionLost).
        """
        if self._wire is None or not self._wire.is_open:
            self._wire = await self._opened()
        return await self._wire.ask(request, self._timeout_s)

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()

    async def _opened(self) -> _Wire:
        loop = asyncio.get_running_loop()
        secure = ssl.create_default_context() if self._origin.secure else None
        async with asyncio.timeout(self._timeout_s):
            _, wire = await loop.create_connection(
                _Wire, self._origin.host, self._origin.port, ssl=secure
            )
        return wire


class _Wire(asyncio.Protocol):
    """The callbacks of the loop and of the parser, turned into one future per request."""

    is_open = False

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Future[Answer] | None = None

    async def ask(self, request: bytes, timeout_s: float) -> Answer:
        self._parser = HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._waiting = self._loop.create_future()
        timer = self._loop.call_later(timeout_s, self._transport.abort)
        self._transport.write(request)
        try:
            return await self._waiting
        finally:
            timer.cancel()

    def close(self) -> None:
        self.is_open = False
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop has a class of its own
        self.is_open = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionLost("The server closed the connection."))

    def data_received(self, data: bytes) -> None:
        if self._waiting is None or self._waiting.done():
            self._transport.abort()  # Bytes that nobody asked for: the framing is lost.
            return
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            self._transport.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        assert self._waiting is not None
        if not self._parser.should_keep_alive():
            self.close()
        status = self._parser.get_status_code()
        self._waiting.set_result(Answer(status, self._headers, b"".join(self._body)))
