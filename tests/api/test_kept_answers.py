"""Counts that Redis keeps: right at every moment, also while it is killed and comes back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from tests.api.serving import Somebody, told
from tests.embedded import private_folder, until
from workers import warming
from workers.embedded.account import service_account
from workers.embedded.binaries import reachable_valkey
from workers.embedded.valkey import Cache as Valkey
from write_model.kernel.settings import Settings

pytestmark = pytest.mark.usefixtures("projector")

_FACETS = "/v1/incidents?limit=1&facets=status"
_HOW_MANY_ANSWERS = b"""EVAL "return #redis.call('KEYS', 'tallystick:answer:*')" 0"""


class Mortal:
    """A Valkey that is killed and started again."""

    def __init__(self, folder: Path) -> None:
        account = service_account()
        self.server = Valkey(reachable_valkey(folder, account), folder, account)
        self._process: Popen[bytes] | None = None

    def start(self) -> None:
        self._process = self.server.start(output=self.server.sockets / "valkey.log")
        until(self.server.ready, "Valkey is ready")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None

    def keeps(self) -> int:
        """How many answers: permits lie there too, and go by themselves after a second."""
        return int(self.server.ask(_HOW_MANY_ANSWERS).strip(b":\r\n"))


@pytest.fixture
def mortal() -> Iterator[Mortal]:
    with private_folder() as folder:
        mortal = Mortal(folder)
        mortal.start()
        yield mortal
        mortal.kill()


@pytest.fixture
def settings(settings: Settings, mortal: Mortal) -> Settings:
    """Whatever can be kept is."""
    url = f"unix://{mortal.server.socket}"
    return settings.model_copy(update={"redis_url": url, "keep_answers_from_ms": 0.0})


@pytest.fixture
def warmed(settings: Settings) -> Iterator[None]:
    """What has answers ready, as its process runs it."""
    stop = threading.Event()
    thread = threading.Thread(target=warming.run, args=(settings, stop), name="warming")
    thread.start()
    yield
    stop.set()
    thread.join(10)


async def counted(somebody: Somebody, position: int) -> int:
    """How many incidents the facets of a list count, once the position is shown."""
    answer = await somebody.get(f"{_FACETS}&min_position={position}")
    assert answer.status_code == 200, answer.text
    content = told(answer)
    assert "stale" not in content
    counts: dict[str, int] = content["facets"]["status"]
    return sum(counts.values())


async def test_counts_are_kept_until_something_happens(commander: Somebody, mortal: Mortal) -> None:
    last = await commander.declares()
    assert [await counted(commander, last["position"]) for _ in range(3)] == [1, 1, 1]
    kept = mortal.keeps()
    last = await commander.declares()
    assert await counted(commander, last["position"]) == 2
    assert mortal.keeps() == kept + 1


@pytest.mark.usefixtures("warmed")
async def test_what_was_asked_for_lately_is_there_before_it_is_asked_for_again(
    commander: Somebody, mortal: Mortal
) -> None:
    last = await commander.declares()
    await counted(commander, last["position"])
    kept = mortal.keeps()
    last = await commander.declares()
    await asyncio.to_thread(until, lambda: mortal.keeps() > kept, "the new answer is there")
    assert await counted(commander, last["position"]) == 2
    assert mortal.keeps() == kept + 1


class Load:
    """One who declares and some who count; the truth is what was acknowledged."""

    def __init__(self, commander: Somebody) -> None:
        self._commander = commander
        self._begun = self._acknowledged = self._position = 0
        self.ended = asyncio.Event()

    async def write(self) -> None:
        while not self.ended.is_set():
            self._begun += 1
            self._position = (await self._commander.declares())["position"]
            self._acknowledged += 1
            await self.count()

    async def read(self) -> None:
        while not self.ended.is_set():
            await self.count()

    async def count(self) -> None:
        least = self._acknowledged
        found = await counted(self._commander, self._position)
        assert least <= found <= self._begun


async def test_killed_and_started_under_load_it_makes_no_read_fail_and_none_stale(
    commander: Somebody, mortal: Mortal
) -> None:
    load = Load(commander)
    async with asyncio.TaskGroup() as tasks:
        for work in (load.write, *[load.read] * 3):
            tasks.create_task(work())
        for change in (mortal.kill, mortal.start) * 3:
            await asyncio.to_thread(change)
            for _ in range(10):
                await load.count()
        load.ended.set()
    async with asyncio.timeout(20):
        while not mortal.keeps():  # a server that failed is left alone for a second
            await load.count()
    await load.count()
