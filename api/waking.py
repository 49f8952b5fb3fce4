"""Tells the other processes that something was committed, so that none has to keep looking.

Redis carries nothing but that: what has happened stands in the log, which every process reads
itself. When Redis is down, it looks for it at intervals.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from api.budgets import Budget

log = structlog.get_logger(__name__)

_CHANNEL = b"tallystick:committed"
_REST_S = 1.0
"""So long nobody is told after it turned out that nobody else listens, or that Redis is down."""
_PATIENCE_S = 1.0
_FAILURES = RedisError, OSError, TimeoutError


class Waking:
    """`wake` is called when this process or another has committed and somebody here follows."""

    def __init__(self, url: str, subscribers: Budget, wake: Callable[[], None]) -> None:
        self._redis = cast("Callable[..., Redis]", Redis.from_url)(  # pyright: ignore[reportUnknownMemberType]
            url,
            socket_timeout=_PATIENCE_S,
            socket_connect_timeout=_PATIENCE_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._execute: Callable[..., Awaitable[Any]] = self._redis.execute_command  # pyright: ignore[reportUnknownMemberType]
        self._subscribers, self._wake = subscribers, wake
        self._committed = asyncio.Event()
        self._is_listening = False

    def committed(self) -> None:
        """Something was, by this process."""
        if self._subscribers.held:
            self._wake()
        self._committed.set()

    async def tell(self) -> None:
        """Tell the others until cancelled; commits that come meanwhile are told together."""
        while True:
            await self._committed.wait()
            self._committed.clear()
            if not await self._is_anybody_told():
                await asyncio.sleep(_REST_S)

    async def listen(self) -> None:
        """Hear the others while somebody follows here, until cancelled."""
        while True:
            try:
                if self._subscribers.held:
                    await self._hear()
            except _FAILURES as error:
                log.warning("wake_ups_are_lost", reason=type(error).__name__)
            finally:
                self._is_listening = False
            await asyncio.sleep(_REST_S / 4)

    async def close(self) -> None:
        await self._redis.aclose()

    async def _is_anybody_told(self) -> bool:
        try:
            told = int(await self._execute(b"PUBLISH", _CHANNEL, b""))
        except _FAILURES:
            return False
        return told > self._is_listening

    async def _hear(self) -> None:
        async with self._redis.pubsub() as channel:  # pyright: ignore[reportUnknownMemberType]
            await channel.subscribe(_CHANNEL)
            self._is_listening = True
            while self._subscribers.held:
                if await channel.get_message(timeout=_REST_S) is not None:
                    self._wake()
