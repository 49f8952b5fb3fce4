"""Keeps this process abreast of the log: evicts what is no longer true and feeds the ring."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import psycopg
import structlog

from api.budgets import Budget
from api.identity.identity import Identity
from projections.push import Ring
from read_model.log_headers import Header, Pool, head, tail
from write_model.kernel.settings import Settings

log = structlog.get_logger(__name__)

_AT_ONCE = 1_000
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.005, 0.1
"""Quick while there is news for a subscriber; a look costs as much as a request, so for evictions
alone a tenth of a second is enough: well within the second that is promised."""
_WAKE_EVERY_S = 15.0


class Following:
    """Follows the log from where it ends when this process starts."""

    def __init__(
        self,
        pool: Pool,
        identity: Identity,
        ring: Ring,
        settings: Settings,
        *,
        subscribers: Budget,
    ) -> None:
        self._pool, self._identity, self._ring = pool, identity, ring
        self._subscribers = subscribers
        self._trust_s = settings.tail_trust_s
        self._loop = asyncio.get_running_loop()
        self._position = 0
        self._reached_at = self._loop.time()
        self._trusted = True

    async def begin(self) -> None:
        """Take the log's present end as the start."""
        self._position = await head(self._pool)
        self._reached_at = self._loop.time()

    async def run(self) -> None:
        """Follow until cancelled."""
        pause_s = _SHORTEST_PAUSE_S
        while True:
            news = await self._look()
            pause_s = self._pause_s(pause_s, is_news=bool(news))
            if len(news) < _AT_ONCE:
                await asyncio.sleep(pause_s)

    def _pause_s(self, last_s: float, *, is_news: bool) -> float:
        if not self._subscribers.held:
            return _LONGEST_PAUSE_S
        return _SHORTEST_PAUSE_S if is_news else min(last_s * 2, _LONGEST_PAUSE_S)

    async def watch(self) -> None:
        """Stop believing what is remembered while the log cannot be reached; until cancelled."""
        while True:
            await asyncio.sleep(self._trust_s / 4)
            if self._trusted and self._loop.time() - self._reached_at > self._trust_s:
                log.warning("the_tail_is_lost")
                self._trusted = False
                self._identity.distrust()

    async def wake(self) -> None:
        """Let idle subscribers find out that their token has expired; until cancelled."""
        while True:
            await asyncio.sleep(_WAKE_EVERY_S)
            self._ring.wake()

    async def _look(self) -> Sequence[Header]:
        try:
            async with asyncio.timeout(self._trust_s):
                news = await tail(self._pool, self._position, _AT_ONCE)
        except (psycopg.Error, TimeoutError) as error:
            log.debug("the_tail_was_not_read", reason=type(error).__name__)
            return ()
        self._take(news)
        return news

    def _take(self, news: Sequence[Header]) -> None:
        for header in news:
            self._identity.evict(header)
        self._ring.publish(news)
        if news:
            self._position = news[-1].position
        self._reached_at = self._loop.time()
        if not self._trusted:
            self._trusted = True
            self._identity.trust()
