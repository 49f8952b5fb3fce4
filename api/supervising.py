"""Keeps what runs beside the requests running."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)


async def supervised(
    work: Callable[[], Awaitable[None]], *, name: str, pause_s: float = 1.0
) -> None:
    """Do endless work until cancelled: when it fails, say so and start it again after a pause."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("work_beside_requests_failed", work=name)
        await asyncio.sleep(pause_s)
