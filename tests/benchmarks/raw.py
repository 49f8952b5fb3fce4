"""Plain inserts of the same bytes into a table of the same columns and unique indexes.

They are spared what the log promises: no order, no tenant positions, no keys, no verdicts.
"""

from __future__ import annotations

import os
from itertools import cycle, islice
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import uvloop
from psycopg import pq, sql

from tests.benchmarks.forklift import ACTOR, DECLARED, TENANTS
from tests.benchmarks.measuring import Measured, alone, by_tasks
from write_model.kernel.ids import new_id
from write_model.kernel.store import arrays

_MAKE_TABLE: LiteralString = (
    "DROP TABLE IF EXISTS raw.{0}; DROP SEQUENCE IF EXISTS raw.{1};"
    " CREATE TABLE raw.{0} (LIKE log.events INCLUDING ALL); CREATE SEQUENCE raw.{1}"
)
_COLUMNS: LiteralString = (
    "(originator_id, originator_version, topic, state, notification_id, epoch, tenant_id,"
    " tenant_position, number, actor_id, command_id, correlation_id, recorded_at, occurred_at,"
    " source, schema_version, salt)"
)
_INSERT: LiteralString = (
    f"INSERT INTO raw.singles {_COLUMNS} VALUES (%b, 1, %b, %b, nextval('raw.singles_position'),"
    " 1, %b, currval('raw.singles_position'), currval('raw.singles_position'), %b, %b, %b,"
    " clock_timestamp(), clock_timestamp(), 'api', 1, %b)"
)
_INSERT_BATCH: LiteralString = (
    f"INSERT INTO raw.batches {_COLUMNS} SELECT stream, 1, topic, state, $1::bigint + ord, 1,"
    " tenant, $1::bigint + ord, $1::bigint + ord, actor, command, command, clock_timestamp(),"
    " clock_timestamp(), 'api', 1, salt FROM unnest($2::uuid[], $3::text[], $4::bytea[],"
    " $5::uuid[], $6::uuid[], $7::uuid[], $8::bytea[]) WITH ORDINALITY"
    " AS r (stream, topic, state, tenant, actor, command, salt, ord)"
)
_BATCH_ROWS = 64
_WARMING = 20

Insert = tuple[UUID, str, bytes, UUID, UUID, UUID, UUID, bytes]


def make_table(connection: psycopg.Connection[Any], name: str) -> None:
    """An empty table like the log's, with a sequence beside it."""
    names = sql.Identifier(name), sql.Identifier(f"{name}_position")
    connection.execute(sql.SQL(_MAKE_TABLE).format(*names))


def single_commits(
    conninfo: str, states: list[bytes], *, connections: int, lasting_s: float
) -> Measured:
    """A commit for each row, on as many connections as callers, in one event loop."""
    return uvloop.run(_single_commits(conninfo, states, connections, lasting_s))


async def _single_commits(
    conninfo: str, states: list[bytes], connections: int, lasting_s: float
) -> Measured:
    opened = [await _opened(conninfo) for _ in range(connections)]
    supply = cycle(zip(cycle(TENANTS), states, strict=False))

    async def insert(caller: int) -> None:
        tenant, state = next(supply)
        await opened[caller].execute(_INSERT, _values(tenant, state), prepare=True)

    for caller in range(connections):
        await insert(caller)
    try:
        return await by_tasks(insert, callers=connections, lasting_s=lasting_s)
    finally:
        for connection in opened:
            await connection.close()


async def _opened(conninfo: str) -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(conninfo, autocommit=True)


def blocking_commits(conninfo: str, states: list[bytes], *, lasting_s: float) -> Measured:
    """One caller, one connection, no event loop: the least that a commit from Python costs."""
    supply = cycle(zip(cycle(TENANTS), states, strict=False))
    with psycopg.connect(conninfo, autocommit=True) as connection:

        def insert() -> None:
            tenant, state = next(supply)
            connection.execute(_INSERT, _values(tenant, state), prepare=True)

        for _ in range(_WARMING):
            insert()
        return alone(insert, lasting_s=lasting_s)


def _values(tenant: UUID, state: bytes) -> Insert:
    command = new_id()
    return new_id(), DECLARED, state, tenant, ACTOR, command, command, os.urandom(16)


def batches(conninfo: str, states: list[bytes], *, lasting_s: float) -> Measured:
    """The ceiling: 64 rows a statement and commit, as binary arrays, by blocking libpq calls."""
    supply = cycle(zip(cycle(TENANTS), states, strict=False))
    with psycopg.connect(conninfo, autocommit=True) as connection:
        row = connection.execute("SELECT coalesce(max(notification_id), 0) FROM raw.batches")
        [position] = row.fetchone() or (0,)
        pgconn = connection.pgconn
        pgconn.prepare(b"batch", _INSERT_BATCH.encode())

        def insert() -> None:
            nonlocal position
            parameters = _packed(position, list(islice(supply, _BATCH_ROWS)))
            formats = [pq.Format.BINARY] * len(parameters)
            result = pgconn.exec_prepared(b"batch", parameters, formats)
            assert result.status == pq.ExecStatus.COMMAND_OK, result.error_message
            position += _BATCH_ROWS

        for _ in range(_WARMING):
            insert()
        return alone(insert, lasting_s=lasting_s, each=_BATCH_ROWS)


def _packed(position: int, rows: list[tuple[UUID, bytes]]) -> list[bytes]:
    return [
        position.to_bytes(8, "big"),
        arrays.uuids([new_id() for _ in rows]),
        arrays.words([DECLARED for _ in rows]),
        arrays.byteas([state for _, state in rows]),
        arrays.uuids([tenant for tenant, _ in rows]),
        arrays.uuids([ACTOR for _ in rows]),
        arrays.uuids([new_id() for _ in rows]),
        arrays.byteas([os.urandom(16) for _ in rows]),
    ]
