"""What takes too long is ended, and only that."""

from __future__ import annotations

import asyncio

import pytest

from api.deadlines import Deadlines

NEVER = 3_600.0


async def test_what_takes_too_long_is_ended() -> None:
    deadlines = Deadlines(0.05)
    with pytest.raises(TimeoutError), deadlines.kept():
        await asyncio.sleep(NEVER)
    assert not current().cancelling()


async def test_who_comes_later_has_as_long() -> None:
    deadlines, began = Deadlines(0.3), asyncio.get_running_loop().time()

    async def waits() -> float:
        with pytest.raises(TimeoutError), deadlines.kept():
            await asyncio.sleep(NEVER)
        return asyncio.get_running_loop().time() - began

    async def comes_later() -> float:
        await asyncio.sleep(0.2)
        return await waits()

    async with asyncio.timeout(10):
        first, second = await asyncio.gather(waits(), comes_later())
    assert first >= 0.3
    assert second >= 0.5


async def test_what_ends_in_time_is_left_alone() -> None:
    deadlines = Deadlines(0.05)
    with deadlines.kept():
        await asyncio.sleep(0)
    await asyncio.sleep(0.3)
    with pytest.raises(ValueError, match="oil"), deadlines.kept():
        raise ValueError("oil")


async def test_who_else_cancels_it_is_obeyed() -> None:
    deadlines = Deadlines(NEVER)

    async def waits() -> None:
        with deadlines.kept():
            await asyncio.sleep(NEVER)

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_beside_the_deadline_is_obeyed_too() -> None:
    deadlines = Deadlines(0.05)

    async def waits() -> None:
        with deadlines.kept():
            try:
                await asyncio.sleep(NEVER)
            except asyncio.CancelledError:
                current().cancel()  # As somebody would who goes away in the same moment.
                raise

    task = asyncio.create_task(waits())
    with pytest.raises(asyncio.CancelledError):
        await task


def current() -> asyncio.Task[object]:
    task = asyncio.current_task()
    assert task is not None
    return task
