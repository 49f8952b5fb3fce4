"""Having answers ready takes a tenth of one core, for however many organizations."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from uuid import UUID

import pytest

from read_model.cache import Cache, open_cache
from read_model.dear import Computation, DearAnswers, DearQuestion
from read_model.queries.standing import Standings
from tests.identity import MASTER
from workers.warming import Warming
from write_model.kernel.clock import wall_clock

ORGANIZATIONS = [UUID(int=n) for n in range(1, 31)]
LEAKS, SPILLS = (DearQuestion.of("how_many", {"of": what}) for what in ("leaks", "spills"))


class StandingsThatLast(Standings):
    def __init__(self) -> None:
        self.times = 0

    async def of(self, tenant: UUID) -> str:
        self.times += 1
        return f"1.1.{tenant}"


class Slow:
    def __init__(self) -> None:
        self.organizations: list[UUID] = []
        self.took_s = 0.0
        """The last answer."""

    async def __call__(self, tenant: UUID, _: Mapping[str, str]) -> bytes:
        self.organizations.append(tenant)
        began_s = time.monotonic()
        await asyncio.sleep(0.01)
        self.took_s = time.monotonic() - began_s
        return b"{}"


@pytest.fixture
async def cache(valkey: str) -> AsyncGenerator[Cache]:
    async with open_cache(valkey, MASTER, wall_clock) as cache:
        yield cache


def warming(cache: Cache, standings: Standings, slow: Slow) -> Warming:
    computations = {"how_many": Computation(slow)}
    return Warming(cache, DearAnswers(standings, cache, computations, wall_clock, from_s=0.0))


async def test_it_rests_after_each_of_many_organizations(cache: Cache) -> None:
    for tenant in ORGANIZATIONS:
        await cache.note(tenant, LEAKS.text())
    slow = Slow()
    turns = warming(cache, StandingsThatLast(), slow)
    for number in range(len(ORGANIZATIONS)):
        assert await turns.turn() >= 9 * slow.took_s > 0
        assert len(slow.organizations) == number + 1
    assert set(slow.organizations) == set(ORGANIZATIONS)


async def test_what_is_shown_is_looked_up_once_for_all_that_is_ready(cache: Cache) -> None:
    [tenant, *_] = ORGANIZATIONS
    standings, slow = StandingsThatLast(), Slow()
    for question in (LEAKS, SPILLS):
        await cache.note(tenant, question.text())
    await warming(cache, standings, slow).turn()
    assert len(slow.organizations) == 2
    looked_up = standings.times
    await warming(cache, standings, slow).turn()
    assert (len(slow.organizations), standings.times) == (2, looked_up + 1)
