"""What a reader does when the database goes away and comes back."""

from __future__ import annotations

import asyncio
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from read_model.exchange import numbered
from read_model.log_headers import Tail
from read_model.reader import Reader, open_pool
from tests.embedded import Database, until
from write_model.kernel.settings import APP

ONE, OTHER = UUID(int=1), UUID(int=2)
TENANT = sql.SQL("SELECT nullif(current_setting('app.tenant', true), '')::uuid WHERE %(one)s = 1")

WHICH = sql.SQL("SELECT pg_backend_pid()")
CANCELED = sql.SQL("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(5)")


def end_all_sessions(database: Database) -> int:
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as superuser:
        ended = superuser.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE usename = 'tallystick_app' AND datname = current_database()"
        ).fetchall()
    return len(ended)


async def test_a_question_is_put_again_when_every_connection_was_lost(
    reader: Reader, database: Database
) -> None:
    assert await reader.rows(ONE, TENANT, {"one": 1}) == [(ONE,)]
    assert end_all_sessions(database) > 0
    assert await reader.rows(ONE, TENANT, {"one": 1}) == [(ONE,)]


async def test_a_question_that_takes_too_long_is_not_put_again(reader: Reader) -> None:
    with pytest.raises(psycopg.errors.QueryCanceled):
        await reader.rows(ONE, CANCELED, {})


async def test_a_question_that_takes_too_long_costs_no_connection(database: Database) -> None:
    async with open_pool(database.conninfo(APP), size=1) as pool:
        reader = Reader(pool)
        before = await reader.rows(ONE, WHICH, {})
        with pytest.raises(psycopg.errors.QueryCanceled):
            await reader.rows(ONE, CANCELED, {})
        assert await reader.rows(ONE, WHICH, {}) == before


async def test_whatever_is_asked_while_connections_are_lost_is_answered(
    reader: Reader, database: Database
) -> None:
    ended = asyncio.Event()

    async def ask() -> None:
        while not ended.is_set():
            answers = await reader.many([(one, TENANT, {"one": 1}) for one in (ONE, OTHER)])
            assert answers == [[(ONE,)], [(OTHER,)]]

    asking = [asyncio.create_task(ask()) for _ in range(4)]
    for _ in range(5):
        await asyncio.to_thread(end_all_sessions, database)
        assert await reader.rows(ONE, TENANT, {"one": 1}) == [(ONE,)]
    ended.set()
    await asyncio.gather(*asking)


async def test_a_question_that_fails_takes_no_later_one_along(reader: Reader) -> None:
    for _ in range(3):
        with pytest.raises(psycopg.errors.UndefinedColumn):
            await reader.many([(ONE, sql.SQL("SELECT oil"), {}), (ONE, TENANT, {"one": 1})])
        assert await reader.rows(ONE, TENANT, {"one": 1}) == [(ONE,)]


async def test_who_goes_away_while_he_is_answered_spoils_nothing(reader: Reader) -> None:
    gone = asyncio.create_task(reader.rows(ONE, sql.SQL("SELECT pg_sleep(0.2), 7"), {}))
    await asyncio.sleep(0.05)
    gone.cancel()
    for _ in range(4):
        assert await reader.rows(ONE, TENANT, {"one": 1}) == [(ONE,)]


async def test_who_goes_away_frees_no_connection_while_the_server_works_for_him(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Else a stall alone would cost the connection, or pass over the sleep.
    monkeypatch.setattr("read_model.round_trip._PATIENCE_S", 20.0)
    slow = sql.SQL("SELECT pg_sleep(20), pg_backend_pid()")
    async with open_pool(database.conninfo(APP), size=1) as pool:
        reader = Reader(pool)
        before = await reader.rows(ONE, WHICH, {})
        for _ in range(3):
            gone = asyncio.create_task(reader.rows(ONE, slow, {}))
            await asyncio.to_thread(until, lambda: somebody_sleeps(database), "it is asked")
            for _ in range(2):
                gone.cancel()
                await asyncio.sleep(0)
            with pytest.raises(asyncio.CancelledError):
                await gone
        assert await reader.rows(ONE, WHICH, {}) == before


async def test_who_has_gone_is_gone_though_his_connection_is_lost_too(
    reader: Reader, database: Database
) -> None:
    gone = asyncio.create_task(reader.rows(ONE, sql.SQL("SELECT pg_sleep(30)"), {}))
    await asyncio.to_thread(until, lambda: somebody_sleeps(database), "it is asked")
    gone.cancel()
    await asyncio.sleep(0)
    assert await asyncio.to_thread(end_all_sessions, database) > 0
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(gone, 10)
    assert await reader.rows(ONE, TENANT, {"one": 1}) == [(ONE,)]


async def test_who_goes_away_is_gone_soon_though_the_server_works_on(reader: Reader) -> None:
    gone = asyncio.create_task(reader.rows(ONE, sql.SQL("SELECT pg_sleep(30)"), {}))
    await asyncio.sleep(0.05)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(gone, 4)
    assert await reader.rows(ONE, TENANT, {"one": 1}) == [(ONE,)]


def somebody_sleeps(database: Database) -> bool:
    with psycopg.connect(database.conninfo("postgres")) as superuser:
        asleep = superuser.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event = 'PgSleep'"
        )
        return asleep.fetchone() is not None


async def test_any_number_of_different_questions_is_answered(reader: Reader) -> None:
    for number in range(500):
        [(found,)] = await reader.rows(ONE, b"SELECT %d" % number, {})
        assert found == number


async def test_after_many_different_questions_the_newest_are_kept_ready(database: Database) -> None:
    async with open_pool(database.conninfo(APP), size=1) as pool:
        reader = Reader(pool)
        for number in range(300):
            await reader.rows(ONE, b"SELECT %d" % number, {})
            await reader.rows(ONE, TENANT, {"one": 1})
        async with pool.connection() as connection:
            cursor = await connection.execute("SELECT statement FROM pg_prepared_statements")
            ready = {statement for (statement,) in await cursor.fetchall()}
    assert len(ready) == 200
    assert "SELECT 299" in ready
    assert "SELECT 1" not in ready
    assert any("nullif" in statement for statement in ready)


async def test_a_large_question_gets_a_large_answer(reader: Reader) -> None:
    """Both larger than what the socket takes at once."""
    oil = "oil" * 1_000_000
    assert await reader.rows(ONE, sql.SQL("SELECT %(oil)s"), {"oil": oil}) == [(oil,)]


def test_parameters_are_numbered_in_the_order_of_their_first_place() -> None:
    query = b"SELECT %(oil)s, %(water)s, %(oil)s LIKE '%%x'"
    assert numbered(query) == (b"SELECT $1, $2, $1 LIKE '%x'", ("oil", "water"))


async def test_the_tail_is_found_though_a_rollback_made_the_server_forget_how_it_is_asked(
    database: Database,
) -> None:
    async with open_pool(database.conninfo(APP), size=1) as pool:
        tail = Tail(pool)
        before = await tail.after(0, limit=10)
        async with pool.connection() as connection, connection.transaction(force_rollback=True):
            await connection.execute("SELECT 1", prepare=True)
        for _ in range(2):
            assert await tail.after(0, limit=10) == before
        # What else is on that connection has it forget them with its next statement.
        async with pool.connection() as connection:
            await connection.execute("SELECT 1")
        assert await tail.after(0, limit=10) == before


async def test_a_question_is_answered_again_once_its_statement_was_forgotten(
    database: Database,
) -> None:
    async with open_pool(database.conninfo(APP), size=1) as pool:
        reader = Reader(pool)
        await reader.rows(ONE, TENANT, {"one": 1})
        async with pool.connection() as connection:
            await connection.execute("DEALLOCATE ALL")
        assert await reader.rows(ONE, TENANT, {"one": 1}) == [(ONE,)]
