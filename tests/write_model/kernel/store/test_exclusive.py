"""Who holds the append lock writes next, and gives it back whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.embedded import Database
from tests.write_model.kernel.store.disturbing import (
    append_lock_held,
    appending,
    end_all,
    until,
    waiting,
)
from tests.write_model.kernel.store.wire import lossy_wire
from tests.write_model.kernel.store.writing import appended, command, rows
from write_model.kernel.errors import Invalid, Unavailable
from write_model.kernel.ids import new_id
from write_model.kernel.settings import APP, Settings
from write_model.kernel.store.exclusive import ExclusiveLog, LockLost
from write_model.kernel.store.group_commit import GroupCommit
from write_model.kernel.store.recorded_event import Append, VersionConflict

Connection = psycopg.Connection[Any]


@pytest.fixture
async def exclusive(log: GroupCommit) -> AsyncGenerator[ExclusiveLog]:
    exclusive = ExclusiveLog(log, Settings())
    yield exclusive
    await exclusive.close()


async def test_nobody_writes_while_the_lock_is_held(
    log: GroupCommit, exclusive: ExclusiveLog, superuser: Connection
) -> None:
    async with exclusive.held() as append:
        other = asyncio.create_task(log.append(command()))
        await until(lambda: waiting(superuser) == 1)
        assert appended(await append(command())).positions == (1,)
    assert appended(await other).positions == (2,)


async def test_holders_of_one_process_come_one_after_another(exclusive: ExclusiveLog) -> None:
    async def held() -> tuple[int, ...]:
        async with exclusive.held() as append:
            return appended(await append(command())).positions

    assert sorted(await asyncio.gather(*(held() for _ in range(4)))) == [(1,), (2,), (3,), (4,)]


async def test_who_appends_nothing_gives_the_lock_back(
    log: GroupCommit, exclusive: ExclusiveLog
) -> None:
    async with exclusive.held():
        pass
    assert appended(await log.append(command())).positions == (1,)


async def test_a_conflict_is_raised_and_the_lock_is_free(
    log: GroupCommit, exclusive: ExclusiveLog
) -> None:
    async with exclusive.held() as append:
        with pytest.raises(VersionConflict):
            await append(command(None, 7))
    assert appended(await log.append(command())).positions == (1,)


async def test_a_holder_who_is_cancelled_gives_the_lock_back(
    log: GroupCommit, exclusive: ExclusiveLog, superuser: Connection
) -> None:
    async def held() -> None:
        async with exclusive.held() as append:
            await append(command())

    with append_lock_held(superuser):
        holder = asyncio.create_task(held())
        await until(lambda: waiting(superuser) == 1)
        holder.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holder
    assert appended(await log.append(command())).positions == (1,)
    async with exclusive.held() as append:
        assert appended(await append(command())).positions == (2,)


async def test_a_connection_that_ended_unused_is_replaced(
    exclusive: ExclusiveLog, superuser: Connection
) -> None:
    async with exclusive.held() as append:
        await append(command())
    end_all(superuser)
    async with exclusive.held() as append:
        assert appended(await append(command())).positions == (2,)


async def test_what_a_lost_lock_did_not_store_is_not_stored_without_it(
    exclusive: ExclusiveLog, superuser: Connection
) -> None:
    async with exclusive.held() as append:
        end_all(superuser)
        with pytest.raises(LockLost):
            await append(command())
    assert superuser.execute("SELECT count(*) FROM log.events").fetchone() == (0,)
    async with exclusive.held() as append:
        assert appended(await append(command())).positions == (1,)


async def test_a_lost_lock_is_no_conflict_with_what_came_between(
    log: GroupCommit, exclusive: ExclusiveLog, superuser: Connection
) -> None:
    stream = new_id()
    async with exclusive.held() as append:
        end_all(superuser)
        await log.append(command(stream))
        with pytest.raises(LockLost):
            await append(command(stream))


async def test_a_statement_that_fails_for_a_while_is_decided_again(
    exclusive: ExclusiveLog, superuser: Connection
) -> None:
    async with exclusive.held() as append:
        await append(command())
        # The first commit gave the lock back: now the append itself waits for it, and is canceled.
        with append_lock_held(superuser):
            again = asyncio.ensure_future(append(command()))
            await until(lambda: waiting(superuser) == 1)
            for pid in appending(superuser):
                superuser.execute("SELECT pg_cancel_backend(%s)", (pid,))
            await until(lambda: waiting(superuser) == 1)
        with pytest.raises(LockLost):
            await again


async def test_a_connection_that_is_lost_twice_leaves_no_verdict(
    database: Database, tmp_path: Path
) -> None:
    async with lossy_wire(database.conninfo(APP), server=database.sockets, folder=tmp_path) as (
        wire,
        conninfo,
    ):
        log = GroupCommit(conninfo, Settings())
        exclusive = ExclusiveLog(log, Settings())
        wire.lose_answer_to(b"forklift.leaked", times=2)
        with pytest.raises(Unavailable):
            async with exclusive.held() as append:
                await append(command())
        await exclusive.close()
        await log.close()
    assert wire.lost == 2


async def test_a_connection_that_ends_before_anything_is_appended_is_no_failure(
    exclusive: ExclusiveLog, superuser: Connection
) -> None:
    async with exclusive.held():
        end_all(superuser)
    async with exclusive.held() as append:
        assert appended(await append(command())).positions == (1,)


async def test_an_answer_lost_at_the_commit_is_no_conflict(
    database: Database, superuser: Connection, tmp_path: Path
) -> None:
    async with lossy_wire(database.conninfo(APP), server=database.sockets, folder=tmp_path) as (
        wire,
        conninfo,
    ):
        log = GroupCommit(conninfo, Settings())
        exclusive = ExclusiveLog(log, Settings())
        async with exclusive.held() as append:
            wire.lose_answer_to(b"COMMIT")
            assert appended(await append(command())).positions == (1,)
        await exclusive.close()
        await log.close()
    assert wire.lost == 1
    assert superuser.execute("SELECT count(*) FROM log.events").fetchone() == (1,)


async def test_a_value_that_cannot_be_stored_is_invalid(exclusive: ExclusiveLog) -> None:
    async with exclusive.held() as append:
        with pytest.raises(Invalid):
            await append(Append(rows(new_id(), topic="\0")))


async def test_a_lock_that_cannot_be_had_is_unavailable_past_the_deadline(
    log: GroupCommit, superuser: Connection, impatient: Settings
) -> None:
    exclusive = ExclusiveLog(log, impatient)
    with append_lock_held(superuser), pytest.raises(Unavailable):
        async with exclusive.held():
            pytest.fail("The lock was held by another.")
    await exclusive.close()
