"""One command at a time for a stream, one request for an idempotency key, each in its turn."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from write_model.kernel.errors import KeyInProgress
from write_model.kernel.locks import StreamLocks

STREAM, OTHER = UUID(int=2), UUID(int=3)
KEY = 7


async def test_one_holder_at_a_time_in_the_order_they_came() -> None:
    locks, order = StreamLocks(), list[str]()

    async def held(name: str, *streams: UUID) -> None:
        with await locks.held(streams):
            order.append(f"{name} in")
            await asyncio.sleep(0)
            order.append(f"{name} out")

    await asyncio.gather(held("a", STREAM), held("b", STREAM, OTHER), held("c", STREAM))
    assert order == ["a in", "a out", "b in", "b out", "c in", "c out"]


async def test_who_takes_several_in_whatever_order_never_waits_in_a_ring() -> None:
    locks = StreamLocks()

    async def held(*streams: UUID) -> None:
        with await locks.held(streams):
            await asyncio.sleep(0)

    async with asyncio.timeout(5):
        await asyncio.gather(
            *(held(*pair) for pair in [(STREAM, OTHER), (OTHER, STREAM), (STREAM, STREAM)] * 5)
        )


async def test_who_gives_up_waiting_stands_in_nobodys_way() -> None:
    locks = StreamLocks()

    async def wait() -> None:
        with await locks.held([STREAM]):
            pytest.fail("It was held by another.")

    with await locks.held([STREAM]):
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with asyncio.timeout(5):
        with await locks.held([STREAM]):
            pass


async def test_a_turn_that_comes_as_its_taker_gives_up_is_the_next_ones() -> None:
    locks, order = StreamLocks(), list[str]()

    async def held(name: str) -> None:
        with await locks.held([STREAM]):
            order.append(name)

    async with asyncio.timeout(5):
        with await locks.held([STREAM]):
            giving_up = asyncio.create_task(held("gave up"))
            patient = asyncio.create_task(held("patient"))
            await asyncio.sleep(0)
        giving_up.cancel()
        await asyncio.gather(giving_up, patient, return_exceptions=True)
    assert order == ["patient"]


async def test_who_waits_too_long_for_a_key_is_told_so() -> None:
    locks = StreamLocks(key_wait_s=0.01)
    with await locks.held([STREAM], KEY), pytest.raises(KeyInProgress):
        await locks.held([OTHER], KEY)
    async with asyncio.timeout(5):
        with await locks.held([OTHER], KEY):
            pass


async def test_a_keys_turn_that_comes_as_the_wait_for_it_ends_is_the_next_ones() -> None:
    locks = StreamLocks(key_wait_s=0)
    with await locks.held([STREAM], KEY):
        late = asyncio.create_task(locks.held([OTHER], KEY))
        await asyncio.sleep(0)
    with pytest.raises(KeyInProgress):
        await late
    async with asyncio.timeout(5):
        with await locks.held([OTHER], KEY):
            pass
