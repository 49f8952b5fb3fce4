"""How long somebody is still let through by each process, by requests and by an open socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.awake import Clock
from tests.embedded import until

PACE_S = 0.02
_QUIET_S = 3.0
"""Longer than anything may last: whoever was not let through for so long never will be."""


@dataclass(frozen=True, slots=True)
class Right:
    """What somebody may do until it is taken away; `topics` is None where no socket shows it."""

    token: str
    method: str
    path: str
    topics: str | None = ""
    body: Mapping[str, Any] | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(slots=True)
class Lasting:
    """One process, and when it let somebody through last; `port` is where it serves."""

    name: str
    port: int
    clock: Clock = time.monotonic
    through_at: float = 0.0
    told_at: float = 0.0
    is_closed: bool = False
    taken_at: float = 0.0

    async def keep_asking(self, right: Right) -> None:
        """Ask as often as is polite until cancelled; what is refused is no longer counted."""
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=20) as http:
            while True:
                answer = await http.request(
                    right.method, right.path, json=right.body, headers=right.headers
                )
                if answer.is_success:
                    self.through_at = self.clock()
                await asyncio.sleep(PACE_S)

    async def keep_listening(self, socket: ClientConnection) -> None:
        """Until the socket is closed."""
        try:
            while True:
                await socket.recv()
                self.told_at = self.clock()
        except ConnectionClosed:
            self.is_closed = True

    async def lets_in(self, right: Right) -> bool:
        """Whether a new socket is opened."""
        try:
            async with connected(self.port, right):
                return True
        except InvalidStatus:
            return False

    def lasted_s(self) -> float:
        """How long it went on, by whichever way was longer; negative when it ended before."""
        return max(self.through_at, self.told_at) - self.taken_at

    def __str__(self) -> str:
        asked, told = self.through_at - self.taken_at, self.told_at - self.taken_at
        socket = f", socket {told:.3f} s{' and closed' * self.is_closed}" if self.told_at else ""
        return f"{self.name}: requests {asked:.3f} s{socket}"


def connected(port: int, right: Right) -> connect:
    url = f"ws://127.0.0.1:{port}/v1/stream?topics={right.topics}"
    return connect(url, additional_headers=right.headers, proxy=None)


@asynccontextmanager
async def asking(right: Right, processes: Sequence[Lasting]) -> AsyncGenerator[None]:
    """Ask and listen on every process until the block ends; begun once all have let him through."""
    sockets: list[ClientConnection] = []
    if right.topics is not None:
        sockets = [await connected(each.port, right) for each in processes]
    tasks = [asyncio.create_task(each.keep_asking(right)) for each in processes]
    tasks += [
        asyncio.create_task(each.keep_listening(socket))
        for each, socket in zip(processes, sockets, strict=False)
    ]
    try:
        await asyncio.to_thread(until, lambda: _have_begun(processes, sockets), "all let him in")
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for socket in sockets:
            await socket.close()


async def ended(processes: Sequence[Lasting]) -> None:
    """Return once nobody was let through or told anything for a while, from now on."""
    for each in processes:
        each.taken_at = each.clock()
    await asyncio.to_thread(until, lambda: _is_quiet(processes), "nobody lets him in")


def _is_quiet(processes: Sequence[Lasting]) -> bool:
    lasted_s = max(0.0, *(each.lasted_s() for each in processes))
    return processes[0].clock() - processes[0].taken_at - lasted_s > _QUIET_S


def _have_begun(processes: Sequence[Lasting], sockets: Sequence[ClientConnection]) -> bool:
    return all(each.through_at and (each.told_at or not sockets) for each in processes)
