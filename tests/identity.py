"""What the specifications of identity share: a clock that is told the time, and who is who."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString, TypeVar
from uuid import UUID

import psycopg
from argon2 import PasswordHasher
from psycopg import AsyncConnection, sql
from psycopg_pool import AsyncConnectionPool

from tests.embedded import MASTER_SECRET, SUPERUSER, Database, until
from write_model.kernel.secrets import MasterSecret
from write_model.kernel.settings import APP

Pool = AsyncConnectionPool[AsyncConnection[Any]]
T = TypeVar("T")

HARBOR, QUARRY = UUID(int=0xA1), UUID(int=0xA2)
"""Two organizations."""
FREYA, INGE, OLE = UUID(int=0xF1), UUID(int=0xF2), UUID(int=0xF3)
"""Three people."""
MASTER = MasterSecret(MASTER_SECRET)
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Hashes that take no time; never outside a test."""


class ToldTime:
    """A clock that shows what it is told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def passes(self, time: timedelta) -> None:
        self.now += time


@asynccontextmanager
async def pool_of(database: Database) -> AsyncGenerator[Pool]:
    """The app role's connections."""
    async with AsyncConnectionPool[AsyncConnection[Any]](
        database.conninfo(APP), min_size=1, kwargs={"autocommit": True}, open=False
    ) as pool:
        yield pool


async def overtaken(
    asked: Coroutine[Any, Any, T], database: Database, query: LiteralString, *parameters: object
) -> T:
    """What comes of `asked` when it meets a `query` that is committed once it waits for that."""
    async with await AsyncConnection.connect(database.conninfo(SUPERUSER)) as earlier:
        await earlier.execute(query, parameters)
        task = asyncio.create_task(asked)
        await asyncio.to_thread(
            until, lambda: task.done() or somebody_waits(database), "it meets the other"
        )
    return await task


def somebody_waits(database: Database) -> bool:
    query = (
        "SELECT FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with psycopg.connect(database.conninfo(SUPERUSER)) as superuser:
        return superuser.execute(query).fetchone() is not None


def erase(database: Database, tenant: UUID, *subjects: UUID) -> None:
    """Destroy people's keys, as an administrator: no process of the product does it yet."""
    with psycopg.connect(database.conninfo("postgres")) as superuser:
        superuser.execute("SELECT personal.erase_keys(%s, %s)", (tenant, list(subjects)))


def everything_stored(database: Database) -> dict[str, str]:
    """Table -> all of its rows as text, byte columns also decoded."""
    with psycopg.connect(database.conninfo("postgres")) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        return {f"{schema}.{table}": _text(connection, schema, table) for schema, table in tables}


def _text(connection: psycopg.Connection[Any], schema: str, table: str) -> str:
    every = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(schema, table))
    rows = "\n".join(str(row) for (row,) in connection.execute(every))
    stored = (bytes.fromhex(digits) for digits in re.findall(r"\\x((?:[0-9a-f]{2})+)", rows))
    return "\n".join([rows, *(value.decode("utf-8", "replace") for value in stored)])
