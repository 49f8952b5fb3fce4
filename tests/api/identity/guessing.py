"""Guesses from one address, of which a hundred are answered before they are stopped."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable


async def answered_until_stopped(guess: Callable[[], Awaitable[int]]) -> int:
    """How many were; `guess` says with which status."""
    answered = 0
    while (status := await guess()) == 401:
        answered += 1
        assert answered < 1_000
    assert status == 429
    return answered


def a_hundred(began_s: float) -> range:
    """One more is allowed every nine seconds, which a busy machine may need for them."""
    return range(100, 101 + int((time.monotonic() - began_s) // 9))
