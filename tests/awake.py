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


async def is_soon_gone(taken_away: Callable[[], Awaitable[Lasts]]) -> bool:
    """Whether what is given and taken away lasts less than a second, once of three times at least.

    Postgres may stand still as well, and nothing in this process tells.
    """
    for _ in range(3):
        if await _lasted_s(await taken_away()) < 1:
            return True
    return False


async def _lasted_s(lasts: Lasts) -> float:
    lasted_s = 0.0
    async with asyncio.timeout(20), awake() as passed_s:
        while await lasts():
            lasted_s = passed_s()
    return lasted_s
