import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import LiteralString

import psycopg
import pytest
from psycopg import errors

from tests.embedded import Database, until
from tests.identity import FREYA, HARBOR, INGE, QUARRY, Pool, ToldTime, pool_of, somebody_waits
from write_model.kernel.access_log import Access, AccessLog
from write_model.kernel.clock import wall_clock
from write_model.kernel.settings import APP, OWNER, TAILER

CHANGES: list[LiteralString] = [
    "UPDATE access.access_log SET outcome = 'shown'",
    "DELETE FROM access.access_log",
    "TRUNCATE access.access_log",
    "SELECT access.forget_old_entries('0 s')",
]


def refused(clock: ToldTime, actor: object = FREYA) -> Access:
    assert isinstance(actor, type(FREYA))
    return Access(
        HARBOR,
        clock(),
        actor,
        "POST /v1/incidents/{id}/close",
        "incident.command",
        "INC-7",
        "forbidden",
    )


def written(database: Database) -> int:
    with psycopg.connect(database.conninfo("postgres")) as connection:
        row = connection.execute("SELECT count(*) FROM access.access_log").fetchone()
    assert row is not None
    return int(row[0])


async def test_what_was_refused_is_written_down_beside_the_log(
    pool: Pool, clock: ToldTime, database: Database
) -> None:
    access_log = AccessLog(pool)
    access_log.note(refused(clock))
    access_log.note(refused(clock, INGE))
    await access_log.flush()
    await access_log.flush()
    assert written(database) == 2


async def test_entries_are_written_while_the_process_runs(
    pool: Pool, clock: ToldTime, database: Database
) -> None:
    access_log = AccessLog(pool)
    running = asyncio.create_task(access_log.run())
    for _ in range(3):
        access_log.note(refused(clock))
    await asyncio.to_thread(until, lambda: written(database) == 3, "all three are written")
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_what_is_being_written_when_the_process_ends_is_written(
    pool: Pool, clock: ToldTime, database: Database
) -> None:
    access_log = AccessLog(pool)
    running = asyncio.create_task(access_log.run())
    with psycopg.connect(database.conninfo("postgres")) as connection:
        connection.execute("LOCK TABLE access.access_log")
        access_log.note(refused(clock))
        await asyncio.to_thread(until, lambda: somebody_waits(database), "it is being written")
        access_log.note(refused(clock, INGE))
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    await access_log.flush()
    assert (written(database), access_log.dropped) == (2, 0)


async def test_one_actor_cannot_bury_the_others_entries(pool: Pool, clock: ToldTime) -> None:
    access_log = AccessLog(pool, per_minute=2)
    kind = ("incident.command", "forbidden")
    admitted = [access_log.admits(FREYA, *kind, now=clock()) for _ in range(5)]
    assert (admitted, access_log.dropped) == ([True, True, False, False, False], 3)
    assert access_log.admits(INGE, *kind, now=clock())


async def test_nobody_hides_a_refusal_behind_what_he_may_read(pool: Pool, clock: ToldTime) -> None:
    access_log = AccessLog(pool, per_minute=1)
    for outcome in ("shown", "forbidden"):
        assert access_log.admits(FREYA, "people.read", outcome, now=clock())


async def test_nobody_waits_when_entries_come_faster_than_they_are_written(
    pool: Pool, clock: ToldTime
) -> None:
    access_log = AccessLog(pool, waiting=1)
    access_log.note(refused(clock))
    access_log.note(refused(clock, INGE))
    assert access_log.dropped == 1


async def test_entries_that_cannot_be_written_are_counted(
    database: Database, clock: ToldTime
) -> None:
    async with pool_of(database) as pool:
        access_log = AccessLog(pool)
        access_log.note(refused(clock))
        with psycopg.connect(database.conninfo("postgres"), autocommit=True) as connection:
            connection.execute("REVOKE USAGE ON SCHEMA access FROM tallystick_app")
        await access_log.flush()
    assert access_log.dropped == 1


async def test_an_organization_sees_its_own_entries_only(
    pool: Pool, clock: ToldTime, database: Database
) -> None:
    access_log = AccessLog(pool)
    access_log.note(refused(clock))
    await access_log.flush()
    with psycopg.connect(database.conninfo(APP)) as connection:
        seen = {tenant: _count(connection, str(tenant)) for tenant in (HARBOR, QUARRY, "")}
    assert seen == {HARBOR: 1, QUARRY: 0, "": 0}


def _count(connection: psycopg.Connection, tenant: str) -> int:
    connection.execute("SELECT set_config('app.tenant', %s, true)", (tenant,))
    row = connection.execute("SELECT count(*) FROM access.access_log").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("role", [APP, TAILER, OWNER, "postgres"])
async def test_nobody_changes_what_was_written_down(
    pool: Pool, clock: ToldTime, database: Database, role: str, change: LiteralString
) -> None:
    access_log = AccessLog(pool)
    access_log.note(replace(refused(clock), at=wall_clock()))
    await access_log.flush()
    refusals = pytest.raises((errors.InsufficientPrivilege, errors.RestrictViolation))
    with psycopg.connect(database.conninfo(role), autocommit=True) as connection, refusals:
        connection.execute(change)
    assert written(database) == 1
