"""Keeps this process abreast of the log: evicts what is no longer true and feeds the ring."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import psycopg
import structlog

from api.budgets import Budget
from api.identity.identity import Identity
from api.pushing.teams import Teams
from projections.push import Ring
from read_model.log_headers import Head, Header, Tail, head
from read_model.queries.position import Positions
from write_model.application import WriteModel
from write_model.kernel.asking import Pool
from write_model.kernel.settings import Settings
from write_model.organization.organization import ORGANIZATION

log = structlog.get_logger(__name__)

_AT_ONCE = 1_000
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.007, 0.1
"""Quick while there is news for a subscriber; a look costs as much as a request, so for evictions
alone a tenth of a second is enough: well within the second that is promised."""
_BETWEEN_LOOKS_S = 0.002
"""Of many commits at once the first is told at once, and the others together."""
_OF_ORGANIZATIONS = f"{ORGANIZATION.name}."


class Following:
    """Follows the log from where it ends when this process starts."""

    def __init__(
        self,
        pool: Pool,
        identity: Identity,
        write_model: WriteModel,
        ring: Ring,
        settings: Settings,
        *,
        subscribers: Budget,
        positions: Positions,
        teams: Teams,
    ) -> None:
        self._pool, self._identity, self._ring = pool, identity, ring
        self._tail = Tail(pool)
        self._records, self._policies = write_model.records, write_model.decider.policies
        self._subscribers, self._positions = subscribers, positions
        self._teams = teams
        self._trust_s = settings.tail_trust_s
        self._loop = asyncio.get_running_loop()
        self._position = self._epoch = 0
        self._reached_at = self._loop.time()
        self._trusted, self._failing = True, False
        self._is_news = asyncio.Event()
        self._hole: int | None = None

    async def begin(self) -> None:
        """Take the log's present end as the start."""
        self._reached_at = self._loop.time()
        end = await head(self._pool)
        self._position, self._epoch = end.position, end.epoch
        self._positions.trust(end.epoch)

    async def run(self) -> None:
        """Follow until cancelled."""
        pause_s = _SHORTEST_PAUSE_S
        while True:
            news = await self._look()
            pause_s = self._pause_s(pause_s, is_news=bool(news))
            if len(news) < _AT_ONCE:
                await self._rest(pause_s)

    def look(self) -> None:
        """Something was committed: look soon, however quiet it has been."""
        self._is_news.set()

    async def _rest(self, pause_s: float) -> None:
        """Until something is committed, but neither for ever nor for nothing at all.

        Where it is quiet by one timer: what rings costs a twentieth of a millisecond (measured).
        """
        ended_at = self._loop.time()
        timer = self._loop.call_later(pause_s, self._is_news.set)
        await self._is_news.wait()
        timer.cancel()
        if (early_s := ended_at + _BETWEEN_LOOKS_S - self._loop.time()) > 0:
            await asyncio.sleep(early_s)
        self._is_news.clear()

    def _pause_s(self, last_s: float, *, is_news: bool) -> float:
        if not self._subscribers.held:
            return _LONGEST_PAUSE_S
        return _SHORTEST_PAUSE_S if is_news else min(last_s * 2, _LONGEST_PAUSE_S)

    async def watch(self) -> None:
        """Without the log believe nothing remembered, and tell nobody anything; until cancelled."""
        while True:
            left_s = self._reached_at + self._trust_s - self._loop.time()
            if left_s <= 0 and self._trusted:
                log.warning("the_tail_is_lost")
                self._distrust()
            if left_s <= 0 and not self._ring.is_silent:
                self._ring.fall_silent()
            await asyncio.sleep(left_s if left_s > 0 else self._trust_s / 4)

    async def _look(self) -> Sequence[Header]:
        # What happens while the answer is under way may not be in it.
        asked_at = self._loop.time()
        try:
            async with asyncio.timeout(self._trust_s):
                end, news = await self._tail.after(self._position, limit=_AT_ONCE)
        except (psycopg.Error, TimeoutError) as error:
            self._failed(error)
            return ()
        self._failing = False
        if end.epoch != self._epoch or end.position < self._position:
            self._begin_anew(end, asked_at)
            return ()
        return self._taken(news, asked_at)

    def _failed(self, error: Exception) -> None:
        if not self._failing:
            reason = f"{type(error).__name__}: {error}"
            log.warning("the_tail_cannot_be_read", reason=reason, after=self._position)
        self._failing = True

    def _begin_anew(self, end: Head, asked_at: float) -> None:
        """The log was restored or another server promoted: what was known may not have happened."""
        log.warning(
            "the_log_branched",
            position=self._position,
            epoch=self._epoch,
            new_position=end.position,
            new_epoch=end.epoch,
        )
        self._distrust()
        self._records.clear()
        self._ring.clear()
        self._position, self._epoch = end.position, end.epoch
        self._abreast(asked_at)

    def _taken(self, news: Sequence[Header], asked_at: float) -> Sequence[Header]:
        """The news, if none is missing: past a hole nobody is told anything."""
        for expected, header in enumerate(news, start=self._position + 1):
            if header.position != expected:
                self._stopped_at(expected)
                return ()
        for header in news:
            self._identity.evict(header)
            self._teams.evict(header)
            if header.topic.startswith(_OF_ORGANIZATIONS):
                self._policies.forget(header.tenant)
        self._ring.publish(news)
        self._position += len(news)
        self._abreast(asked_at)
        return news

    def _stopped_at(self, position: int) -> None:
        if position != self._hole:
            log.error("hole_in_log", position=position)
            self._hole = position
        self._distrust()

    def _distrust(self) -> None:
        self._trusted = False
        self._identity.distrust()
        self._policies.distrust()
        self._positions.distrust()
        self._teams.clear()

    def _abreast(self, asked_at: float) -> None:
        self._hole = None
        self._reached_at = asked_at
        self._ring.speak()
        if not self._trusted:
            self._trusted = True
            self._identity.trust()
            self._policies.trust()
            self._positions.trust(self._epoch)
