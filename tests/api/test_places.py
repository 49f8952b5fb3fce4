"""What one request holds of a gate ends with it, and with its client where it is for him alone."""

from __future__ import annotations

import asyncio

from api.places import Gate, Place


async def loses_a_cancellation(ended: asyncio.Event) -> None:
    """As a library may in which it and what is waited for meet."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        ended.set()
    await asyncio.sleep(60)


async def test_a_cancellation_that_was_lost_is_told_again() -> None:
    lost = asyncio.Event()
    task = asyncio.create_task(loses_a_cancellation(lost))
    await asyncio.sleep(0)
    place = Place(Gate(4), task)
    place.unbind()
    place.desert()
    await asyncio.wait_for(lost.wait(), 10)
    done, _ = await asyncio.wait([task], timeout=10)
    assert (done, task.cancelled(), place.was_left) == ({task}, True, True)


async def test_what_is_bound_is_finished_whoever_goes_away() -> None:
    task = asyncio.create_task(asyncio.sleep(0.01))
    place = Place(Gate(4), task)
    place.bind()
    place.desert()
    await task
    assert not place.was_left
