"""An answer reaches who asked, or nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from struct import pack
from typing import Any

import psycopg
import pytest

from tests.embedded import Database
from tests.write_model.kernel.store.disturbing import appending, end_all, paused, until, working
from write_model.kernel.settings import APP
from write_model.kernel.store import arrays
from write_model.kernel.store.call import ConnectionLost, PreparedCall, StatementFailed

Connection = psycopg.Connection[Any]

_OPTIONS = "-c application_name=tallystick-append"
_ECHO = b"SELECT $1::bytea"
_INT8 = 20


@pytest.fixture
async def echo(database: Database) -> AsyncGenerator[PreparedCall]:
    """Answers with what it is given."""
    call = await PreparedCall.open(database.conninfo(APP), _ECHO, [arrays.BYTEA], options=_OPTIONS)
    yield call
    call.close()


def is_asking(call: PreparedCall) -> bool:
    """Whether an answer is still to come, be it to nobody."""
    return vars(call)["_answer"] is not None


def is_half_sent(call: PreparedCall) -> bool:
    """Whether the socket has taken all that it can hold, and the question is longer."""
    return bool(vars(call)["_writing"])


async def test_the_answer_is_that_of_the_question(echo: PreparedCall) -> None:
    for question in (b"oil", b"", b"forklift"):
        result = await echo([question], timeout_s=5)
        assert result.get_value(0, 0) == question


async def test_a_question_larger_than_the_sockets_buffer_is_sent_whole(
    echo: PreparedCall,
) -> None:
    question = bytes(range(256)) * 40_000
    result = await echo([question], timeout_s=20)
    assert result.get_value(0, 0) == question


async def test_what_the_server_refuses_leaves_the_connection_usable(database: Database) -> None:
    call = await PreparedCall.open(
        database.conninfo(APP), b"SELECT 1 / $1::bigint", [_INT8], options=_OPTIONS
    )
    with pytest.raises(StatementFailed, match="division by zero") as refusal:
        await call([pack(">q", 0)], timeout_s=5)
    assert refusal.value.sqlstate == "22012"
    result = await call([pack(">q", 1)], timeout_s=5)
    assert result.get_value(0, 0) == pack(">q", 1)
    call.close()


async def test_an_answer_nobody_waits_for_is_never_the_next_ones(echo: PreparedCall) -> None:
    left = asyncio.create_task(echo.run(b"SELECT pg_sleep(5)", timeout_s=5))
    await until(lambda: is_asking(echo))
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    # Sent before the answer to the first has come: refused, and nothing can be trusted any more.
    with pytest.raises(ConnectionLost):
        await echo([b"mine"], timeout_s=5)


async def test_an_answer_that_comes_to_nobody_is_thrown_away(
    echo: PreparedCall, superuser: Connection
) -> None:
    (pid,) = appending(superuser)
    with paused(pid):
        left = asyncio.create_task(echo.run(b"SELECT 'left'", timeout_s=5))
        await until(lambda: is_asking(echo))
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        assert is_asking(echo)
    await until(lambda: not is_asking(echo))
    result = await echo([b"mine"], timeout_s=5)
    assert result.get_value(0, 0) == b"mine"


async def test_silence_is_a_lost_connection(echo: PreparedCall, superuser: Connection) -> None:
    (pid,) = appending(superuser)
    with paused(pid), pytest.raises(ConnectionLost, match="no answer in time"):
        await echo([b"oil"], timeout_s=0.1)
    with pytest.raises(ConnectionLost):
        await echo([b"oil"], timeout_s=5)


async def test_a_connection_that_ended_is_noticed(
    echo: PreparedCall, superuser: Connection
) -> None:
    end_all(superuser)
    with pytest.raises((ConnectionLost, StatementFailed)):
        await echo([b"oil"], timeout_s=5)
    with pytest.raises(ConnectionLost):
        await echo([b"oil"], timeout_s=5)


async def test_a_connection_that_ends_under_a_question_is_noticed(
    echo: PreparedCall, superuser: Connection
) -> None:
    asked = asyncio.create_task(echo.run(b"SELECT pg_sleep(30)", timeout_s=20))
    await until(lambda: working(superuser) == 1)
    end_all(superuser)
    with pytest.raises((ConnectionLost, StatementFailed)):
        await asked


async def test_a_connection_that_ends_while_much_is_sent_is_noticed(
    echo: PreparedCall, superuser: Connection
) -> None:
    (pid,) = appending(superuser)
    with paused(pid):
        asked = asyncio.create_task(echo([bytes(60_000_000)], timeout_s=20))
        await until(lambda: is_half_sent(echo))
        superuser.execute("SELECT pg_terminate_backend(%s)", (pid,))
    with pytest.raises((ConnectionLost, StatementFailed)):
        await asked


async def test_closing_tells_who_waits(echo: PreparedCall) -> None:
    asked = asyncio.create_task(echo.run(b"SELECT pg_sleep(30)", timeout_s=20))
    await until(lambda: is_asking(echo))
    echo.close()
    with pytest.raises(ConnectionLost, match="closed"):
        await asked
    echo.close()


async def test_a_statement_that_cannot_be_prepared_leaves_no_connection(
    database: Database, superuser: Connection
) -> None:
    with pytest.raises(StatementFailed):
        await PreparedCall.open(
            database.conninfo(APP), b"SELECT gone($1)", [_INT8], options=_OPTIONS
        )
    await until(lambda: not appending(superuser))
