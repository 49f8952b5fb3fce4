"""How often somebody may ask is counted by all processes together, and alone without Redis."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from api.limits import COMMANDS, Limits
from read_model.cache import open_cache
from tests.api.serving import LEAK, Served, serving, told
from tests.embedded import private_folder, running_valkey
from tests.identity import HARBOR, MASTER, QUARRY, ToldTime
from workers.embedded.valkey import Cache as Valkey
from write_model.kernel.access import Actor, Role
from write_model.kernel.errors import RateLimited
from write_model.kernel.ids import new_id
from write_model.kernel.settings import Settings

ADA = Actor(new_id(), HARBOR, frozenset())
BEN = replace(ADA, id=new_id())
EVE = replace(ADA, tenant=QUARRY)
NEVER = 10**6


@pytest.fixture
async def two(valkey: str) -> AsyncGenerator[tuple[Limits, Limits]]:
    """Two processes that share a Redis: 400 a minute of an organization, 300 of one member."""
    async with AsyncExitStack() as stack:
        caches = [
            await stack.enter_async_context(open_cache(valkey, MASTER, ToldTime()))
            for _ in range(2)
        ]
        yield Limits({COMMANDS: (400, 300)}, caches[0]), Limits({COMMANDS: (400, 300)}, caches[1])


@pytest.fixture
def folder() -> Iterator[Path]:
    with private_folder() as folder:
        yield folder


async def spent(limits: Limits, actor: Actor, at_most: int = NEVER) -> int:
    """How many he was allowed until he was refused."""
    for many in range(at_most):
        try:
            await limits.spend(COMMANDS, actor)
        except RateLimited:
            return many
    return at_most


def nearly(number: int, began_s: float) -> range:
    """A hundredth may lie unused in the other process, and a minute brings all of them anew."""
    anew = int(number * (time.monotonic() - began_s) / 60)
    return range(number - number // 100, number + anew + 2)


async def test_two_processes_together_allow_what_one_may(two: tuple[Limits, Limits]) -> None:
    here, there = two
    began_s = time.monotonic()
    both = await spent(here, ADA, 100) + await spent(there, ADA)
    assert both in nearly(300, began_s)
    assert both + await spent(here, ADA) in nearly(300, began_s)


async def test_members_share_what_their_organization_may(two: tuple[Limits, Limits]) -> None:
    here, there = two
    began_s = time.monotonic()
    assert await spent(here, ADA, 250) == 250
    assert 250 + await spent(there, BEN) in nearly(400, began_s)
    assert await spent(here, EVE, 250) == 250


async def test_those_who_come_at_once_take_one_block_after_another(
    two: tuple[Limits, Limits],
) -> None:
    here, _ = two
    began_s = time.monotonic()
    coming = [here.spend(COMMANDS, ADA) for _ in range(1_000)]
    came = await asyncio.gather(*coming, return_exceptions=True)
    assert sum(not isinstance(each, RateLimited) for each in came) in nearly(300, began_s)


@pytest.mark.usefixtures("patience_with_redis")
async def test_who_is_told_to_wait_asks_redis_no_more_until_then(
    valkey: str, valkey_server: Valkey
) -> None:
    async with open_cache(valkey, MASTER, ToldTime()) as cache:
        # One comes back in a fifth of a second, which passes only where this clock says so.
        here = Limits({COMMANDS: (400, 300)}, cache, clock=lambda: 0.0)
        await spent(here, ADA)
        valkey_server.ask(b"FLUSHALL")
        with pytest.raises(RateLimited) as refused:
            await here.spend(COMMANDS, ADA)
    assert refused.value.retry_after_s == 1
    assert valkey_server.ask(b"DBSIZE").startswith(b":0")


async def test_a_process_without_redis_counts_alone(tmp_path: Path) -> None:
    async with open_cache(f"unix://{tmp_path}/nobody.sock", MASTER, ToldTime()) as cache:
        alone = Limits({COMMANDS: (400, 300)}, cache)
        began_s = time.monotonic()
        assert await spent(alone, ADA) in nearly(300, began_s)


async def test_what_was_used_comes_back_with_time() -> None:
    now_s = 0.0
    alone = Limits({COMMANDS: (400, 300)}, None, clock=lambda: now_s)
    assert await spent(alone, ADA) == 300
    now_s = 20.0
    assert await spent(alone, ADA) == 100
    now_s = 3_600.0
    assert await spent(alone, ADA) == 300


@pytest.mark.usefixtures("patience_with_redis")
async def test_who_loses_redis_goes_on_with_a_full_stock_of_its_own(
    folder: Path,
) -> None:
    async with open_cache(f"unix://{folder}/valkey.sock", MASTER, ToldTime()) as cache:
        here = Limits({COMMANDS: (400, 300)}, cache)
        began_s = time.monotonic()
        with running_valkey(folder):
            assert await spent(here, ADA) in nearly(300, began_s)
        began_s = time.monotonic()
        assert await spent(here, BEN) in nearly(300, began_s)


async def test_an_answer_says_how_many_are_left(served: Served) -> None:
    ada = await served.somebody(Role.INCIDENT_COMMANDER)
    answer = await ada.post("/v1/incidents", LEAK)
    policy = '"commands-organization";q=240000;w=60, "commands-actor";q=160000;w=60'
    assert answer.headers["RateLimit-Policy"] == policy
    assert answer.headers["RateLimit"].startswith('"commands-organization";r=240000;t=0, ')
    asked = await ada.get("/v1/incidents?limit=1")
    assert asked.headers["RateLimit"].startswith('"queries-organization";r=600000;t=0, ')
    dear = await ada.get("/v1/incidents?facets=status")
    assert dear.headers["RateLimit"].startswith('"dear-queries-organization";r=12000;t=0, ')


async def test_who_asks_too_often_is_told_when_to_come_again(settings: Settings) -> None:
    few = settings.model_copy(update={"commands_a_minute_of_actor": 2})
    async with serving(few) as served:
        ada = await served.somebody(Role.INCIDENT_COMMANDER)
        ben = await served.somebody(Role.INCIDENT_COMMANDER, tenant=ada.tenant)
        for _ in range(2):
            assert (await ada.post("/v1/incidents", LEAK)).status_code == 201
        refused = await ada.post("/v1/incidents", LEAK)
        assert (refused.status_code, told(refused)["code"]) == (429, "rate_limited")
        assert told(refused)["detail"].startswith("Too many commands; try again in ")
        assert 1 <= int(refused.headers["Retry-After"]) <= 30
        assert '"commands-actor";r=0;t=60' in refused.headers["RateLimit"]
        assert (await ada.get("/v1/incidents")).status_code == 200
        assert (await ben.post("/v1/incidents", LEAK)).status_code == 201


async def test_what_is_set_for_one_organization_holds_for_it_alone() -> None:
    limits = Limits({COMMANDS: (400, 300)}, None, clock=lambda: 0.0)
    assert await spent(limits, ADA, 5) == 5
    limits.set(HARBOR, COMMANDS, (20, 10))
    assert await spent(limits, ADA) == 10
    assert await spent(limits, BEN) == 10
    assert await spent(limits, EVE) == 300
    limits.set(HARBOR, COMMANDS, None)
    assert await spent(limits, ADA) == 300


ROW = LEAK | {"imported": {"row": 1}, "source": "old"}


async def test_an_import_is_limited_by_what_is_under_way_and_not_by_the_minute(
    settings: Settings,
) -> None:
    few = settings.model_copy(update={"commands_a_minute_of_actor": 2})
    async with serving(few) as served:
        owner = await served.somebody(Role.OWNER)
        for row in range(4):
            answer = await owner.post("/v1/incidents", ROW | {"source_key": str(row)})
            assert answer.status_code == 201
        codes = [(await owner.post("/v1/incidents", LEAK)).status_code for _ in range(3)]
        assert codes == [201, 201, 429]
        assert (await owner.post("/v1/incidents", ROW | {"source_key": "5"})).status_code == 201
        assert served.process.budgets.imports.held == {}
        with contextlib.ExitStack() as stack:
            for _ in range(64):
                stack.enter_context(served.process.budgets.imports.of(owner.tenant))
            refused = await owner.post("/v1/incidents", ROW | {"source_key": "6"})
            assert (refused.status_code, told(refused)["code"]) == (503, "overloaded")
            assert refused.headers["Retry-After"] == "1"
            other = await served.somebody(Role.OWNER)
            assert (await other.post("/v1/incidents", ROW | {"source_key": "1"})).status_code == 201
        assert (await owner.post("/v1/incidents", ROW | {"source_key": "6"})).status_code == 201


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [
        ("/v1/incidents", b"{}", "application/json"),
        ("/v1/incidents", b"oil", "application/json"),
        ("/v1/incidents", b"oil", "text/plain"),
        ("/v1/incidents?row=1&row=2", b"{}", "application/json"),
        ("/v1/incidents", b'{"imported": {"row": 1}}', "application/json"),
        ("/v1/incidents/oil/merge", b'{"into": "INC-7"}', "application/json"),
    ],
    ids=["fields", "json", "kind", "parameters", "row", "record"],
)
async def test_who_may_import_sends_so_many_bodies_a_minute_that_cannot_be_read(
    settings: Settings, path: str, content: bytes, kind: str
) -> None:
    few = settings.model_copy(update={"commands_a_minute_of_actor": 2})
    async with serving(few) as served:
        owner = await served.somebody(Role.OWNER)
        answers = [await owner.send(path, content, Content_Type=kind) for _ in range(3)]
        first, second, refused = (answer.status_code for answer in answers)
        assert refused == 429
        assert first == second in {400, 404, 415, 422}
        assert (await owner.post("/v1/incidents", ROW | {"source_key": "1"})).status_code == 201
