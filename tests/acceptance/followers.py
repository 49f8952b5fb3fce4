"""Subscribers that go where they are sent: closed, they connect again and resume."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from dataclasses import dataclass, field

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from tests.acceptance.stack import Person

_RESUME = re.compile(r"resume after (\d+)$")
_AGAIN_S = 0.05


@dataclass(slots=True)
class Follower:
    """Of everything that one person may see, from the beginning."""

    person: Person
    positions: list[int] = field(default_factory=list[int])
    closed: Counter[str] = field(default_factory=Counter[str])
    """How it was sent away -> how often."""
    unconnected: Counter[str] = field(default_factory=Counter[str])
    """Why it could not connect -> how often."""
    misled: list[str] = field(default_factory=list[str])
    """Farewells that named another position than it had got to."""

    @property
    def last(self) -> int:
        return self.positions[-1] if self.positions else 0

    async def follow(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._listen()
            except (OSError, InvalidStatus, InvalidMessage, TimeoutError) as error:
                self.unconnected[type(error).__name__] += 1
                await asyncio.sleep(_AGAIN_S)

    async def _listen(self) -> None:
        base = str(self.person.http.base_url).replace("http", "ws", 1).rstrip("/")
        headers = {"Authorization": f"Bearer {self.person.token}"}
        address = f"{base}/v1/stream?after={self.last}"
        async with connect(address, additional_headers=headers, proxy=None) as socket:
            try:
                while True:
                    self.positions.append(int(json.loads(await socket.recv())["position"]))
            except ConnectionClosed as closed:
                self._note(closed)

    def _note(self, closed: ConnectionClosed) -> None:
        if closed.rcvd is None:
            self.closed["cut off"] += 1
            return
        self.closed[str(closed.rcvd.code)] += 1
        told = _RESUME.search(closed.rcvd.reason)
        if told is None or int(told[1]) != self.last:
            self.misled.append(f"{closed.rcvd.reason} at {self.last}")


@dataclass(slots=True)
class Followers:
    """Several, on one thread of their own."""

    each: list[Follower]
    _is_ended: bool = False

    def run(self) -> None:
        """Until `stop`; from any thread."""
        asyncio.run(self._follow())

    def stop(self) -> None:
        self._is_ended = True

    def have_got_to(self, position: int) -> bool:
        return all(each.last >= position for each in self.each)

    async def _follow(self) -> None:
        tasks = [asyncio.create_task(each.follow()) for each in self.each]
        while not self._is_ended and not any(task.done() for task in tasks):
            await asyncio.wait(tasks, timeout=_AGAIN_S, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
