"""Streams are read as they were written, together, and past lost connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from tests.embedded import Database
from tests.identity import Pool, pool_of
from tests.write_model.kernel.store.disturbing import paused, unreachable
from tests.write_model.kernel.store.writing import MARA, NORTH, SOUTH, appended, key, rows
from write_model.incident.events import IncidentAcknowledged, NoteAdded
from write_model.kernel.errors import HoleInLog, Unavailable
from write_model.kernel.ids import new_id
from write_model.kernel.serialization import UnknownTopic
from write_model.kernel.settings import TAILER
from write_model.kernel.store.group_commit import GroupCommit
from write_model.kernel.store.reading import StreamReader, read_range
from write_model.kernel.store.recorded_event import Append, Replayed

Connection = psycopg.Connection[Any]
TOPIC = IncidentAcknowledged.topic


@pytest.fixture
async def pool(database: Database) -> AsyncGenerator[Pool]:
    async with pool_of(database) as pool:
        yield pool


@pytest.fixture
def reader(pool: Pool) -> StreamReader:
    return StreamReader(pool)


async def test_a_stream_is_read_with_all_that_the_log_knows(
    log: GroupCommit, reader: StreamReader
) -> None:
    stream = new_id()
    written = rows(stream, 1, 2, topic=TOPIC)
    verdict = appended(await log.append(Append(written)))
    first, second = await reader.newer(NORTH, stream, after=0)
    assert (first.event, first.topic) == (IncidentAcknowledged(), TOPIC)
    assert [one.version for one in (first, second)] == [1, 2]
    assert [one.position for one in (first, second)] == list(verdict.positions)
    assert (first.number, second.number) == verdict.numbers
    assert first.recorded_at == first.occurred_at == verdict.recorded_at
    assert (first.tenant, first.actor, first.command) == (NORTH, MARA, written[0].command)
    assert (first.source, first.schema_version, first.epoch) == ("api", 1, verdict.epoch)


async def test_only_what_is_newer_is_read(log: GroupCommit, reader: StreamReader) -> None:
    stream = new_id()
    await log.append(Append(rows(stream, 1, 2, 3, topic=TOPIC)))
    assert [one.version for one in await reader.newer(NORTH, stream, after=2)] == [3]
    assert await reader.newer(NORTH, stream, after=3) == []


async def test_another_tenants_stream_is_empty(log: GroupCommit, reader: StreamReader) -> None:
    stream = new_id()
    await log.append(Append(rows(stream, topic=TOPIC)))
    ours, theirs = await asyncio.gather(
        reader.newer(NORTH, stream, after=0), reader.newer(SOUTH, stream, after=0)
    )
    assert (len(ours), theirs) == (1, [])


async def test_streams_asked_for_together_come_each_in_order(log: GroupCommit, pool: Pool) -> None:
    """Also one stream from several versions, and more than one query holds."""
    reader = StreamReader(pool, streams_per_query=3)
    streams = [new_id() for _ in range(4)]
    for stream in streams:
        await log.append(Append(rows(stream, 1, 2, 3, topic=TOPIC)))
    wanted = [(streams[0], 2), (streams[0], 0), (streams[0], 1), *((one, 0) for one in streams)]
    found = await asyncio.gather(
        *(reader.newer(NORTH, stream, after=after) for stream, after in wanted)
    )
    read = [[(one.stream, one.version) for one in events] for events in found]
    assert read == [
        [(stream, version) for version in range(after + 1, 4)] for stream, after in wanted
    ]


async def test_who_no_longer_waits_disturbs_nobody(log: GroupCommit, reader: StreamReader) -> None:
    stream = new_id()
    await log.append(Append(rows(stream, topic=TOPIC)))
    leaves, stays = (asyncio.create_task(reader.newer(NORTH, stream, after=0)) for _ in range(2))
    await asyncio.sleep(0)
    leaves.cancel()
    assert len(await stays) == 1


@pytest.mark.parametrize(
    ("topic", "error"), [("gone", UnknownTopic), (NoteAdded.topic, ValueError)]
)
async def test_a_stream_that_cannot_be_read_fails_alone(
    log: GroupCommit, reader: StreamReader, topic: str, error: type[Exception]
) -> None:
    poisoned, good = new_id(), new_id()
    await log.append(Append(rows(poisoned, topic=topic)))
    await log.append(Append(rows(good, topic=TOPIC)))
    failed, found = await asyncio.gather(
        reader.newer(NORTH, poisoned, after=0),
        reader.newer(NORTH, good, after=0),
        return_exceptions=True,
    )
    assert isinstance(failed, error)
    assert isinstance(found, list)


async def test_lost_connections_are_replaced(
    log: GroupCommit, reader: StreamReader, superuser: Connection
) -> None:
    stream = new_id()
    await log.append(Append(rows(stream, topic=TOPIC), key()))
    await reader.newer(NORTH, stream, after=0)
    superuser.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert len(await reader.newer(NORTH, stream, after=0)) == 1


async def test_a_database_that_is_away_is_unavailable_past_the_deadline(
    database: Database, pool: Pool
) -> None:
    reader = StreamReader(pool, deadline_s=0.3)
    with unreachable(database):
        verdicts = await asyncio.gather(
            *(reader.newer(NORTH, new_id(), after=0) for _ in range(2)), return_exceptions=True
        )
        assert [type(verdict) for verdict in verdicts] == [Unavailable, Unavailable]
    assert await StreamReader(pool).newer(NORTH, new_id(), after=0) == []


async def test_a_backend_that_went_silent_is_left_for_another(
    log: GroupCommit, pool: Pool, superuser: Connection
) -> None:
    reader = StreamReader(pool, answer_s=0.3)
    stream = new_id()
    await log.append(Append(rows(stream, topic=TOPIC)))
    await pool.wait()
    async with pool.connection() as connection:
        silent = connection.info.backend_pid
    with paused(silent):
        assert len(await asyncio.wait_for(reader.newer(NORTH, stream, after=0), 5)) == 1
        async with pool.connection() as connection:
            assert connection.info.backend_pid != silent


async def test_who_gave_up_is_not_told_of_the_failure(database: Database, pool: Pool) -> None:
    reader = StreamReader(pool, deadline_s=0.1)
    with unreachable(database):
        leaves, stays = (
            asyncio.create_task(reader.newer(NORTH, new_id(), after=0)) for _ in range(2)
        )
        await asyncio.sleep(0)
        leaves.cancel()
        with pytest.raises(Unavailable):
            await stays


async def test_a_key_is_known_with_its_first_answer(log: GroupCommit, reader: StreamReader) -> None:
    stream = new_id()
    verdict = appended(await log.append(Append(rows(stream), key())))
    answer = Replayed(stream, 1, verdict.tenant_positions[0], 1)
    assert await reader.known_key(NORTH, MARA, key().key) == (key().digest, answer)
    assert await reader.known_key(SOUTH, MARA, key().key) is None


async def test_a_reference_leads_to_its_stream(log: GroupCommit, reader: StreamReader) -> None:
    stream = new_id()
    await log.append(Append(rows(stream, topic=TOPIC)))
    assert await reader.stream_of(NORTH, "incident", 1) == stream
    assert await reader.stream_of(NORTH, "incident", 2) is None
    assert await reader.stream_of(SOUTH, "incident", 1) is None


async def test_the_log_is_read_in_order_up_to_a_limit(log: GroupCommit, database: Database) -> None:
    await log.append(Append(rows(new_id(), 1, 2, 3, topic=TOPIC)))
    async with await AsyncConnection.connect(database.conninfo(TAILER)) as connection:
        assert [one.position for one in await read_range(connection, 0, 2)] == [1, 2]
        assert [one.position for one in await read_range(connection, 2, 2)] == [3]
        assert await read_range(connection, 3, 2) == []


async def test_a_hole_stops_who_reads_the_log(
    log: GroupCommit, database: Database, superuser: Connection
) -> None:
    await log.append(Append(rows(new_id(), 1, 2, 3, topic=TOPIC)))
    with superuser.transaction():
        superuser.execute("SET LOCAL session_replication_role = replica")
        superuser.execute("DELETE FROM log.events WHERE notification_id = 2")
    async with await AsyncConnection.connect(database.conninfo(TAILER)) as connection:
        with pytest.raises(HoleInLog) as hole:
            await read_range(connection, 0, 10)
        assert hole.value.position == 2
        with pytest.raises(HoleInLog):
            await read_range(connection, 1, 10)
