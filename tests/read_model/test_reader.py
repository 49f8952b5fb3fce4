"""What a reader does when the database goes away and comes back."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from read_model.reader import Reader
from tests.embedded import Database

ONE = UUID(int=1)
TENANT = sql.SQL("SELECT nullif(current_setting('app.tenant', true), '')::uuid WHERE %(one)s = 1")

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
