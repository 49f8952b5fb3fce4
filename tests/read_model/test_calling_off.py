"""Who asks and goes away leaves the database nothing to do, and the next a connection as new."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Callable
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from read_model.reader import Asked, Reader, open_pool
from tests.embedded import SUPERUSER, Database, Server, until
from tests.write_model.kernel.store.disturbing import paused
from write_model.kernel.settings import APP

ONE, OTHER = UUID(int=1), UUID(int=2)
LONG = sql.SQL("SELECT pg_sleep(600)")
COUNTED = sql.SQL("SELECT count(*) FROM generate_series(1, 10000000000)")
NOTHING_RUNS = "nothing runs"
_RUNNING = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
    " AND state = 'active' AND usename = 'tallystick_app'"
)


@pytest.fixture
async def patient(database: Database) -> AsyncGenerator[Reader]:
    """A reader whose questions the server itself ends after ten minutes alone."""
    async with open_pool(database.conninfo(APP), size=4, timeout_s=600) as pool:
        yield Reader(pool, timeout_s=600)


@pytest.fixture
def called_off_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection is closed first because a machine stands still: its question would go on."""
    monkeypatch.setattr("read_model.round_trip._PATIENCE_S", 20.0)


@pytest.fixture
def running(database: Database) -> Callable[[], list[int]]:
    """The processes of the server that work on a question."""

    def running() -> list[int]:
        with psycopg.connect(database.conninfo(SUPERUSER)) as looking:
            return [pid for (pid,) in looking.execute(_RUNNING)]

    return running


async def go_away(*asking: asyncio.Task[object]) -> None:
    for each in asking:
        each.cancel()
    for each in asking:
        with pytest.raises(asyncio.CancelledError):
            await each


@pytest.mark.usefixtures("called_off_in_time")
@pytest.mark.parametrize("dear", [LONG, COUNTED], ids=["waits", "counts"])
async def test_nothing_runs_for_twenty_who_have_gone(
    patient: Reader, running: Callable[[], list[int]], dear: sql.SQL
) -> None:
    for _ in range(2):
        asking = [asyncio.create_task(patient.rows(ONE, dear, {})) for _ in range(20)]
        await asyncio.to_thread(until, lambda: len(running()) == 4, "all places are taken")
        await go_away(*asking)
        await asyncio.to_thread(until, lambda: not running(), NOTHING_RUNS)


@pytest.mark.usefixtures("called_off_in_time")
async def test_all_questions_of_one_who_has_gone_end(
    patient: Reader, running: Callable[[], list[int]]
) -> None:
    asked: list[Asked] = [(tenant, LONG, {}) for tenant in (ONE, OTHER, ONE)]
    asking = asyncio.create_task(patient.many(asked))
    await asyncio.to_thread(until, lambda: bool(running()), "it is asked")
    await go_away(asking)
    await asyncio.to_thread(until, lambda: not running(), NOTHING_RUNS)


async def test_no_other_s_question_is_called_off(patient: Reader) -> None:
    """A thousand answers, each amid others who go away before, while and after they are told."""
    chance = random.Random(20)
    slow = sql.SQL("SELECT %(number)s::int FROM pg_sleep(%(s)s::float8)")

    async def asks(numbers: range) -> None:
        for number in numbers:
            lasts_s = chance.choice([0.0, 0.02, 0.021, 0.023, 60.0])
            parameters = {"number": -number, "s": lasts_s}
            goes = asyncio.create_task(patient.rows(ONE, slow, parameters))
            await asyncio.sleep(chance.choice([0.0, 0.0005, 0.001, 0.003]))
            goes.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                assert await goes == [(-number,)]
            assert await patient.rows(ONE, slow, {"number": number, "s": 0.0}) == [(number,)]

    await asyncio.gather(*(asks(range(first, 1_001, 8)) for first in range(1, 9)))


async def test_who_goes_away_while_his_connection_is_cut_is_gone(
    patient: Reader, database: Database, running: Callable[[], list[int]]
) -> None:
    asking = asyncio.create_task(patient.rows(ONE, LONG, {}))
    await asyncio.to_thread(until, lambda: bool(running()), "it is asked")
    [pid] = running()
    with paused(pid):
        asking.cancel()
        await asyncio.sleep(0.1)
        with psycopg.connect(database.conninfo(SUPERUSER)) as superuser:
            superuser.execute("SELECT pg_terminate_backend(%s)", (pid,))
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asking, 20)
    assert await patient.rows(ONE, sql.SQL("SELECT 7"), {}) == [(7,)]


async def test_who_goes_away_waits_for_no_silent_server(
    patient: Reader, postgres: Server, running: Callable[[], list[int]]
) -> None:
    asking = asyncio.create_task(patient.rows(ONE, LONG, {}))
    await asyncio.to_thread(until, lambda: bool(running()), "it is asked")
    [pid] = running()
    with paused(postgres.pid), paused(pid):
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(asking, 20)
    assert await patient.rows(ONE, sql.SQL("SELECT 7"), {}) == [(7,)]
    await asyncio.to_thread(until, lambda: not running(), NOTHING_RUNS)


async def test_who_goes_away_waits_for_no_silent_server_with_an_ordinary_question_either(
    patient: Reader, postgres: Server, running: Callable[[], list[int]]
) -> None:
    async def asks() -> None:
        async with patient.pool.connection() as connection:
            await connection.execute(LONG)

    asking = asyncio.create_task(asks())
    await asyncio.to_thread(until, lambda: bool(running()), "it is asked")
    [pid] = running()
    with paused(postgres.pid), paused(pid):
        asking.cancel()
        await asyncio.wait([asking], timeout=8)  # psycopg itself takes ten.
        assert asking.cancelled(), "It waits for the server."
    await asyncio.to_thread(until, lambda: not running(), NOTHING_RUNS)


async def test_a_question_that_silent_connections_lost_is_answered_on_another(
    database: Database,
) -> None:
    async with open_pool(database.conninfo(APP), size=3, timeout_s=0.5) as pool:
        reader = Reader(pool, timeout_s=0.5)
        moment = sql.SQL("SELECT pg_sleep(0.2)")
        await asyncio.gather(*(reader.rows(ONE, moment, {}) for _ in range(2)))
        with contextlib.ExitStack() as silent:
            for pid in connected(database):
                silent.enter_context(paused(pid))
            asking = asyncio.create_task(reader.rows(ONE, sql.SQL("SELECT 7"), {}))
            await asyncio.wait([asking], timeout=15)
            assert asking.done(), "It waits for a connection on which nothing comes."
        assert asking.result() == [(7,)]


def connected(database: Database) -> list[int]:
    """The processes of the server that readers are connected to."""
    with psycopg.connect(database.conninfo(SUPERUSER)) as looking:
        asked = "SELECT pid FROM pg_stat_activity WHERE usename = 'tallystick_app'"
        return [pid for (pid,) in looking.execute(asked + " AND datname = current_database()")]
