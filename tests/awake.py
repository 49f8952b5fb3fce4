"""Time as this process has lived through it: while a machine stands still, nothing comes too late.

A bound that the product promises in seconds is measured by it. A stall in which this process was
not let run counts as a tenth of a second; whatever the product itself is slow at counts in full.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

Clock = Callable[[], float]
Lasts = Callable[[], Awaitable[bool]]
"""Asks whether something is still there."""

_BEAT_S, _AT_MOST_S = 0.01, 0.1
"""A busy machine lets a loop wait for some hundredths of a second."""


@asynccontextmanager
async def awake() -> AsyncGenerator[Clock]:
    """A clock of seconds that begins at 0 and goes while the loop does, until the block ends."""
    lived_s, beat_at = 0.0, time.monotonic()

    def now() -> float:
        return lived_s + min(time.monotonic() - beat_at, _AT_MOST_S)

    async def beat() -> None:
        nonlocal lived_s, beat_at
        while True:
            lived_s, beat_at = now(), time.monotonic()
            await asyncio.sleep(_BEAT_S)

    beating = asyncio.create_task(beat())
    try:
        yield now
    finally:
        beating.cancel()


async def must_be_gone_soon(taken_away: Callable[[], Awaitable[Lasts]]) -> None:
    """What is given and taken away lasts less than a second; of three times once will do.

    Postgres may stand still as well, and nothing in this process tells.
    """
    lasted_s = list[float]()
    while len(lasted_s) < 3:
        lasted_s.append(await _lasted_s(await taken_away()))
        if lasted_s[-1] < 1:
            return
    raise AssertionError(lasted_s)


async def _lasted_s(lasts: Lasts) -> float:
    lasted_s = 0.0
    async with asyncio.timeout(5), awake() as passed_s:
        while await lasts():
            lasted_s = passed_s()
    return lasted_s
