"""What is kept in Redis, and that nothing depends on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import BlockingConnectionPool

from read_model.cache import Cache, open_cache
from tests.awake import awake
from tests.embedded import until
from tests.identity import HARBOR, MASTER, QUARRY, ToldTime
from workers.embedded.valkey import Cache as Valkey
from write_model.kernel.secrets import MasterSecret

HERE, THERE = b"the forklift", b"the crane"
GATE = b'GET "tallystick:used:the gate"'
OIL = b'{"leaks":"oil"}'


@pytest.fixture
def clock() -> ToldTime:
    return ToldTime()


@pytest.fixture
async def cache(valkey: str, clock: ToldTime) -> AsyncGenerator[Cache]:
    async with open_cache(valkey, MASTER, clock) as cache:
        yield cache


@pytest.fixture
async def hasty(
    valkey: str, clock: ToldTime, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Cache]:
    """One that waits for an answer no longer than the product does."""
    monkeypatch.setattr("read_model.cache._ANSWER_S", 0.05)
    async with open_cache(valkey, MASTER, clock) as cache:
        yield cache


async def test_what_was_put_is_found_in_its_place_and_nowhere_else(cache: Cache) -> None:
    assert await cache.lacks(HERE)
    await cache.put(HERE, OIL)
    assert await cache.get(HERE) == OIL
    assert await cache.get(THERE) is None
    assert (await cache.lacks(HERE), await cache.lacks(THERE)) == (False, True)


async def test_who_has_the_server_can_neither_read_nor_exchange_answers(
    cache: Cache, valkey_server: Valkey
) -> None:
    await cache.put(HERE, OIL)
    assert b"oil" not in valkey_server.ask(b'GET "tallystick:answer:the forklift"')
    copied = b'COPY "tallystick:answer:the forklift" "tallystick:answer:the crane"'
    assert valkey_server.ask(copied).startswith(b":1")
    assert await cache.get(THERE) is None
    assert valkey_server.ask(b'SET "tallystick:answer:the forklift" no-oil').startswith(b"+OK")
    assert await cache.get(HERE) is None


async def test_an_installation_with_another_secret_finds_nothing(
    cache: Cache, valkey: str, clock: ToldTime
) -> None:
    await cache.put(HERE, OIL)
    async with open_cache(valkey, MasterSecret(bytes(32)), clock) as another:
        assert await another.get(HERE) is None


async def test_an_answer_that_is_too_large_is_not_kept(cache: Cache) -> None:
    await cache.put(HERE, OIL * 100_000)
    assert await cache.get(HERE) is None


async def test_no_answer_outlives_ten_minutes(cache: Cache, valkey_server: Valkey) -> None:
    await cache.put(HERE, OIL)
    left = valkey_server.ask(b'TTL "tallystick:answer:the forklift"')
    assert 0 < int(left.strip(b":\r\n")) <= 600


async def test_without_a_server_nothing_is_kept_and_nothing_fails(
    tmp_path: Path, clock: ToldTime
) -> None:
    async with open_cache(f"unix://{tmp_path}/nobody.sock", MASTER, clock) as cache:
        await cache.put(HERE, OIL)
        await cache.note(HARBOR, OIL)
        assert await cache.get(HERE) is None
        assert not await cache.lacks(HERE)
        assert (list(await cache.organizations()), list(await cache.questions(HARBOR))) == ([], [])


async def test_once_it_has_ended_nobody_is_asked(cache: Cache) -> None:
    await cache.put(HERE, OIL)
    cache.end()
    assert await cache.get(HERE) is None


async def test_a_server_that_failed_is_left_alone_for_a_while(
    hasty: Cache, valkey_server: Valkey
) -> None:
    await hasty.put(HERE, OIL)
    valkey_server.ask(b"CLIENT PAUSE 1000")
    async with awake() as passed_s:
        for _ in range(20):
            assert await hasty.get(HERE) is None
        assert passed_s() < 0.3
    until(valkey_server.ready, "Valkey answers whoever comes next")


async def test_a_connection_that_cannot_be_closed_is_no_failure(
    hasty: Cache, valkey_server: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object, **__: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(BlockingConnectionPool, "disconnect", refused)
    valkey_server.ask(b"CLIENT PAUSE 300")
    assert await hasty.get(HERE) is None
    monkeypatch.undo()


async def test_what_was_asked_lately_is_known_by_organization(
    cache: Cache, clock: ToldTime
) -> None:
    await cache.note(HARBOR, b"how many")
    await cache.note(HARBOR, b"since when")
    await cache.note(HARBOR, b"how many")
    await cache.note(QUARRY, b"whose")
    assert set(await cache.organizations()) == {HARBOR, QUARRY}
    assert set(await cache.questions(HARBOR)) == {b"how many", b"since when"}
    clock.passes(timedelta(minutes=5, seconds=1))
    assert (list(await cache.organizations()), list(await cache.questions(HARBOR))) == ([], [])


async def test_of_many_questions_the_newest_are_known(cache: Cache, clock: ToldTime) -> None:
    for number in range(30):
        clock.passes(timedelta(seconds=1))
        await cache.note(HARBOR, b"%d" % number)
    assert set(await cache.questions(HARBOR)) == {b"%d" % number for number in range(10, 30)}


async def test_what_may_be_done_so_often_is_counted_for_all_and_refills(
    cache: Cache, valkey: str, clock: ToldTime, valkey_server: Valkey
) -> None:
    an_hour, a_moment = timedelta(hours=1), timedelta(seconds=3)
    async with open_cache(valkey, MASTER, clock) as another:
        assert [await each.take(HERE, 3, per=an_hour) for each in (cache, another, cache)] == [
            0
        ] * 3
        assert 1_100 < await another.take(HERE, 3, per=an_hour) <= 1_200
    left = valkey_server.ask(b'TTL "tallystick:used:the forklift"')
    assert 3_500 < int(left.strip(b":\r\n")) <= 3_600
    assert await cache.take(THERE, 3, per=an_hour) == 0
    await cache.refill(HERE)
    assert await cache.take(HERE, 3, per=an_hour) == 0
    assert await cache.take(b"the gate", 1, per=a_moment) == 0
    assert await cache.take(b"the gate", 1, per=a_moment) > 0
    await asyncio.to_thread(until, lambda: b"$-1" in valkey_server.ask(GATE), "it refills")
    assert await cache.take(b"the gate", 1, per=a_moment) == 0


async def test_without_a_server_nobody_is_stopped_by_it(tmp_path: Path, clock: ToldTime) -> None:
    async with open_cache(f"unix://{tmp_path}/nobody.sock", MASTER, clock) as cache:
        assert [await cache.take(HERE, 1, per=timedelta(hours=1)) for _ in range(3)] == [0] * 3
        await cache.refill(HERE)
