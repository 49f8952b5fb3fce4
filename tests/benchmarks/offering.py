"""Requests that come when they are due, whatever became of those before: an open loop.

The generator shares the machine with what it measures, so it does no more than it must: requests
are bytes already, a look every few milliseconds sends what is due, and of an answer only the
status, `Retry-After` and the length are read.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter
from typing import cast

_LOOK_S, _AT_FIRST, _AT_MOST, _PATIENCE_S = 0.004, 2_000, 8_000, 5.0
_REFUSED_FROM = 300
_LENGTH, _AGAIN = b"\r\ncontent-length: ", b"\r\nretry-after: "


_REFUSALS = (429, 503)


@dataclass(slots=True)
class Offered:
    """`waits`: of those that were accepted, in seconds from when each was due."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list[float])
    statuses: Counter[int] = field(default_factory=Counter[int])
    reads: int = 0
    """How many of the accepted were reads, in time or not."""
    without_advice: int = 0
    """Refusals that do not say when to come again."""
    lost: int = 0
    """Connections that ended before they had answered."""
    connections: int = 0
    unanswered: int = 0
    sent: int = 0
    in_time: int = 0

    def note(self, status: int, due: float, *, is_read: bool, is_advised: bool) -> None:
        self.statuses[status] += 1
        if status < _REFUSED_FROM:
            self.waits.append(perf_counter() - due)
            self.reads += is_read
        elif not is_advised:
            self.without_advice += 1

    @property
    def per_s(self) -> float:
        """Accepted and answered while requests came."""
        return self.in_time / self.seconds

    @property
    def reads_per_s(self) -> float:
        return self.per_s * self.reads / len(self.waits)

    @property
    def commands_per_s(self) -> float:
        return self.per_s - self.reads_per_s

    @property
    def refused(self) -> int:
        return sum(self.statuses[status] for status in _REFUSALS)

    @property
    def refused_share(self) -> float:
        return self.refused / self.sent

    @property
    def advised_share(self) -> float:
        """Of the refusals; all of them when there are none."""
        return 1 - self.without_advice / self.refused if self.refused else 1.0

    @property
    def odd(self) -> int:
        """Answers that are neither success nor a refusal for being too many."""
        return self.statuses.total() - len(self.waits) - self.refused


class Line(asyncio.Protocol):
    """A connection that is asked one thing at a time; `free` is told when it has answered."""

    def __init__(self, free: Callable[[Line], object], offered: Offered) -> None:
        self._free, self._offered = free, offered
        self._answer, self._due = b"", 0.0
        self.is_busy = self._is_read = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def ask(self, request: bytes, due: float) -> None:
        self._due, self.is_busy, self._is_read = due, True, request.startswith(b"GET")
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer = answer = self._answer + data if self._answer else data
        head = answer.find(b"\r\n\r\n")
        at = answer.find(_LENGTH, 0, head) + len(_LENGTH)
        if head < 0 or len(answer) < head + 4 + int(answer[at : answer.index(b"\r", at)]):
            return
        self._answer, self.is_busy = b"", False
        self._offered.note(
            int(answer[9:12]), self._due, is_read=self._is_read, is_advised=_AGAIN in answer
        )
        self._free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._offered.lost += self.is_busy

    def close(self) -> None:
        self.is_busy = False
        self._transport.close()


class Generator:
    """Asks whoever serves at a port of this machine, on as many connections as it takes."""

    def __init__(self, port: int, requests: Iterator[bytes]) -> None:
        self._port, self._requests = port, requests
        self._found, self._idle, self._lines = Offered(), list[Line](), list[Line]()

    async def offer(self, *, per_s: float, lasting_s: float) -> Offered:
        """An open loop: each request is sent when it is due, on another connection if need be."""
        await self._connect(_AT_FIRST, self._idle.append)
        began, sent = perf_counter(), 0
        while (now := perf_counter()) < began + lasting_s:
            due = int((now - began) * per_s)
            missing = min(due - sent - len(self._idle), _AT_MOST - len(self._lines))
            if missing > 0:
                await self._connect(missing, self._idle.append)
            for request in islice(self._requests, min(due - sent, len(self._idle))):
                self._idle.pop().ask(request, began + sent / per_s)
                sent += 1
            await asyncio.sleep(_LOOK_S)
        self._found.sent = sent
        return await self._ended(perf_counter() - began)

    async def saturate(self, *, clients: int, lasting_s: float) -> Offered:
        """A closed loop: each client asks again as soon as it was answered."""
        end = perf_counter() + lasting_s

        def again(line: Line) -> None:
            if (now := perf_counter()) < end:
                line.ask(next(self._requests), now)

        await self._connect(clients, again)
        for line in self._lines:
            again(line)
        await asyncio.sleep(lasting_s)
        return await self._ended(lasting_s)

    async def _connect(self, lines: int, free: Callable[[Line], object]) -> None:
        loop = asyncio.get_running_loop()
        made = [
            loop.create_connection(lambda: Line(free, self._found), "127.0.0.1", self._port)
            for _ in range(lines)
        ]
        new = [line for _, line in await asyncio.gather(*made)]
        self._lines += new
        self._idle += new

    async def _ended(self, seconds: float) -> Offered:
        """What was answered within the time counts; how long the last ones took does too."""
        found = self._found
        found.seconds, found.in_time = seconds, len(found.waits)
        found.connections = len(self._lines)
        end = perf_counter() + _PATIENCE_S
        while perf_counter() < end:
            if not any(line.is_busy for line in self._lines):
                break
            await asyncio.sleep(_LOOK_S)
        found.unanswered = sum(line.is_busy for line in self._lines)
        for line in self._lines:
            line.close()
        return found
