"""Somebody who reads all the time, in a process of his own, while the table is rebuilt."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import LiteralString, NamedTuple
from uuid import UUID

import psycopg
from psycopg import sql

from read_model.reader import Reader, open_pool
from tests.benchmarks.forklift import TENANTS
from tests.benchmarks.server import BenchServer
from write_model.kernel.asking import Rows
from write_model.kernel.settings import APP

_PAUSE_S = 0.001
_RECORDS = 5
_PATIENCE_S = 30.0

_SOME: LiteralString = "SELECT originator_id FROM log.events WHERE tenant_id = %s AND number <= %s"
_THEIR_VERSIONS = sql.SQL(
    "SELECT id, version FROM {} WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s) ORDER BY id"
).format(sql.Identifier("projections", "incident_view"))


class Polled(NamedTuple):
    """`failed`: reads that raised, or saw something else than the first one did."""

    reads: int = 0
    failed: int = 0
    slowest_ms: float = 0.0


@contextmanager
def polling(server: BenchServer) -> Generator[Callable[[], Polled]]:
    """Reads as the app role about every millisecond; what came of it is told once it has ended."""
    with psycopg.connect(server.admin()) as connection:
        ids = [id_ for (id_,) in connection.execute(_SOME, (TENANTS[0], _RECORDS))]
    assert len(ids) == _RECORDS
    ours, theirs = multiprocessing.Pipe()
    conninfo = server.settings.conninfo(APP)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_poll, args=(theirs, conninfo, ids))
    process.start()
    told = [Polled()]
    try:
        assert ours.poll(_PATIENCE_S), "Nothing was read."
        ours.recv()
        yield lambda: told[0]
    finally:
        ours.send("end")
        told[0] = ours.recv()
        process.join(_PATIENCE_S)


def _poll(until: Connection, conninfo: str, ids: list[UUID]) -> None:
    until.send(asyncio.run(_polled(until, conninfo, ids)))


async def _polled(until: Connection, conninfo: str, ids: list[UUID]) -> Polled:
    async with open_pool(conninfo, size=1) as pool:
        reader, polled = Reader(pool), Polled()
        first = await reader.rows(TENANTS[0], _THEIR_VERSIONS, {"ids": ids})
        until.send("begun")
        while not until.poll():
            polled = await _again(reader, ids, first, polled)
            await asyncio.sleep(_PAUSE_S)
    return polled


async def _again(reader: Reader, ids: list[UUID], first: Rows, polled: Polled) -> Polled:
    began = time.perf_counter()
    try:
        rows = await reader.rows(TENANTS[0], _THEIR_VERSIONS, {"ids": ids})
    except psycopg.Error:
        rows = []
    took_ms = 1000 * (time.perf_counter() - began)
    failed = polled.failed + (rows != first or len(rows) != len(ids))
    return Polled(polled.reads + 1, failed, max(polled.slowest_ms, took_ms))
