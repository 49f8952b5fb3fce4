"""Whoever reads is answered from the table that is pointed to, however lately that changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator

import psycopg
import pytest
from psycopg import sql

from projections.catalog import CATALOG
from projections.engine.layout import read_layout
from projections.engine.log import Connection
from projections.engine.making import drop, droppable
from projections.engine.rebuilding import Rebuild
from read_model import tables
from read_model.queries.incident import Incidents
from read_model.reader import Reader, open_pool
from tests.embedded import SUPERUSER, Database
from tests.projections.story import NORTH, stream, write_log
from tests.projections.test_projector import catch_up, projector, told
from write_model.kernel.errors import NotShownYet
from write_model.kernel.settings import APP, TAILER


@pytest.fixture
def tailer(database: Database) -> Iterator[Connection]:
    with (
        psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as log,
        psycopg.connect(database.conninfo(TAILER), autocommit=True) as tailer,
    ):
        write_log(log, told().events)
        catch_up(projector(tailer))
        yield tailer


@pytest.fixture
async def incidents(database: Database) -> AsyncGenerator[Incidents]:
    async with open_pool(database.conninfo(APP)) as pool:
        yield Incidents(Reader(pool))


async def is_found(incidents: Incidents) -> bool:
    shown = await incidents.by_id(NORTH, stream("forklift"))
    return shown is not None


async def test_a_reader_finds_the_table_that_took_the_place(
    incidents: Incidents, tailer: Connection
) -> None:
    assert await is_found(incidents)
    Rebuild(tailer, CATALOG, lambda _: None).of(["incident"])
    tailer.execute("DELETE FROM projections.incident_v1")
    assert await is_found(incidents)


async def test_a_reader_who_slept_while_his_table_was_dropped_notices_nothing(
    incidents: Incidents, tailer: Connection
) -> None:
    assert await is_found(incidents)
    Rebuild(tailer, CATALOG, lambda _: None).of(["incident"])
    assert droppable(tailer, left_for_s=0) == ["incident_counts_v1", "incident_v1"]
    drop(tailer, "incident_v1")
    assert await is_found(incidents)


async def test_a_table_that_is_missing_for_another_reason_is_an_error(
    incidents: Incidents, tailer: Connection
) -> None:
    tailer.execute("DROP TABLE projections.incident_v1")
    with pytest.raises(psycopg.errors.UndefinedTable):
        await is_found(incidents)


async def test_what_another_release_shows_is_not_asked(
    incidents: Incidents, tailer: Connection
) -> None:
    """Neither the empty table that waits for its rebuild, nor the one that was left."""
    assert await is_found(incidents)
    tailer.execute("UPDATE projections.current SET declared = 'v2' WHERE name = 'incident'")
    tailer.execute("UPDATE projections.checkpoint SET layout = layout + 1")
    with pytest.raises(NotShownYet, match="made for another release of the product; try again"):
        await is_found(incidents)


def test_while_nothing_was_rebuilt_queries_are_sent_as_they_are(tailer: Connection) -> None:
    query = sql.SQL("SELECT FROM {}").format(tables.INCIDENT)
    assert read_layout(tailer).placed(query) == query.as_bytes()


async def test_nobody_who_reads_all_the_time_meets_a_gap(
    incidents: Incidents, tailer: Connection
) -> None:
    ended = asyncio.Event()
    answers: list[bool] = []

    async def read() -> None:
        while not ended.is_set():
            answers.append(await is_found(incidents))

    reading = [asyncio.create_task(read()) for _ in range(4)]
    for _ in range(3):
        rebuild = Rebuild(tailer, CATALOG, lambda _: None)
        await asyncio.to_thread(rebuild.of, ["incident", "incident_list"])
        for name in droppable(tailer, left_for_s=0):
            await asyncio.to_thread(drop, tailer, name)
    ended.set()
    await asyncio.gather(*reading)
    assert len(answers) > 20
    assert all(answers)
