"""Whoever follows and is cut off resumes, at whichever process: every event once, in order."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from pydantic_core import from_json
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.acceptance.stack import Person, Stack
from tests.benchmarks.web import Web
from tests.embedded import until
from tests.house.files import CHECKOUT
from tests.workers.launcher.launched import free_port

SIZES = [(10, 10), pytest.param((100, 100), marks=pytest.mark.exhaustive)]
AT_MOST_AT_ONCE = 12
"""Messages that a client takes before it is cut off."""
BETWEEN_KILLS_S = 2.0


@dataclass(slots=True)
class Api:
    """A process that is killed, and started again where it was."""

    stack: Stack
    port: int = field(default_factory=free_port)
    kills: int = 0
    _web: Web | None = None

    def start(self) -> None:
        environment = {"TALLYSTICK_HOME": str(self.stack.home), "TALLYSTICK_PORT": str(self.port)}
        process = subprocess.Popen(
            [sys.executable, "-m", "api.serve"],
            cwd=CHECKOUT,
            env={**os.environ, **environment},
            text=True,
        )
        self._web = Web(process, self.port)
        until(self._web.accepts, "it serves")

    def end(self) -> None:
        assert self._web
        self._web.process.kill()
        self._web.process.wait()

    def kill(self) -> None:
        self.end()
        self.kills += 1
        self.start()


@dataclass(slots=True)
class Client:
    """Somebody who follows through everything; `seen`: the last position that came."""

    token: str
    ports: list[int]
    chance: random.Random
    seen: int
    cuts: int = 0

    async def follow(self, cuts: int, apis: Sequence[Api]) -> None:
        """Until it was cut off so many times by its own doing, and every process was killed."""
        while self.cuts < cuts or not all(api.kills for api in apis):
            await self._take(self.chance.randint(1, AT_MOST_AT_ONCE))

    async def read_up_to(self, position: int) -> None:
        while self.seen < position:
            await self._take(position - self.seen)

    async def _take(self, count: int) -> None:
        url = f"ws://127.0.0.1:{self.chance.choice(self.ports)}/v1/stream?after={self.seen}"
        headers = {"Authorization": f"Bearer {self.token}"}
        with suppress(OSError, InvalidHandshake, ConnectionClosed):
            async with connect(url, additional_headers=headers, proxy=None) as socket:
                await self._read(socket, count)
                self.cuts += 1
                socket.transport.abort()

    async def _read(self, socket: ClientConnection, count: int) -> None:
        for _ in range(count):
            position = from_json(await socket.recv())["position"]
            assert position == self.seen + 1, f"after {self.seen} came {position}"
            self.seen = position


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_every_client_sees_every_event_once_and_in_order(
    stack: Stack, size: tuple[int, int], record_property: Callable[[str, object], None]
) -> None:
    count, cuts = size
    owner = await asyncio.to_thread(stack.owner)
    begun = stack.last_position(owner)
    async with running(Api(stack), Api(stack)) as apis, happening(owner):
        clients = [
            Client(owner.token, [api.port for api in apis], random.Random(number), begun)
            for number in range(count)
        ]
        killing = asyncio.create_task(killed_in_turn(apis))
        await asyncio.gather(*(client.follow(cuts, apis) for client in clients))
        killing.cancel()
        await asyncio.gather(killing, return_exceptions=True)
        last = stack.last_position(owner)
        await asyncio.gather(*(client.read_up_to(last) for client in clients))
    kills = sum(api.kills for api in apis)
    record_property(
        "figure",
        f"{count} clients, each cut off and resumed {cuts} times or more while two processes were"
        f" killed {kills} times in turn: each saw {last - begun} events once and in order",
    )


@asynccontextmanager
async def running(*apis: Api) -> AsyncGenerator[tuple[Api, ...]]:
    try:
        for api in apis:
            await asyncio.to_thread(api.start)
        yield apis
    finally:
        for api in apis:
            await asyncio.to_thread(api.end)


async def killed_in_turn(apis: tuple[Api, ...]) -> None:
    while True:
        for api in apis:
            await asyncio.shield(asyncio.to_thread(api.kill))
            await asyncio.sleep(BETWEEN_KILLS_S)


@asynccontextmanager
async def happening(owner: Person) -> AsyncGenerator[None]:
    """The forklift leaks oil, again and again, until the block ends."""

    async def declared() -> None:
        while True:
            told = await asyncio.to_thread(
                owner.post, "/v1/incidents", title="The forklift leaks oil", severity="sev4"
            )
            await asyncio.to_thread(owner.post, f"/v1/incidents/{told['id']}/acknowledge")

    task = asyncio.create_task(declared())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
