"""No caller is left without a verdict, and no verdict is false, whatever befalls the database."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.embedded import Database
from tests.write_model.kernel.store.disturbing import (
    append_lock_held,
    appending,
    end_all,
    paused,
    set_default,
    unreachable,
    until,
    waiting,
)
from tests.write_model.kernel.store.wire import lossy_wire
from tests.write_model.kernel.store.writing import NORTH, SOUTH, appended, command, key, rows
from write_model.kernel.errors import Invalid, KeyReused, Overloaded, Unavailable
from write_model.kernel.ids import new_id
from write_model.kernel.messages import IdempotencyKey
from write_model.kernel.settings import APP, Settings
from write_model.kernel.store.group_commit import GroupCommit
from write_model.kernel.store.recorded_event import (
    Append,
    Appended,
    Replayed,
    Verdict,
    VersionConflict,
)

Connection = psycopg.Connection[Any]
PATIENT_S = 20.0
"""For what must succeed in a log that was impatient before."""


async def while_one_commits(
    log: GroupCommit, superuser: Connection, *commands: Append
) -> list[Verdict | BaseException]:
    """The commands gather behind one that is under way, so that they share the next batch."""
    with append_lock_held(superuser):
        first = asyncio.create_task(log.append(command()))
        await until(lambda: waiting(superuser) == 1)
        others = [asyncio.create_task(log.append(one)) for one in commands]
        await asyncio.sleep(0)
    await first
    return await asyncio.gather(*others, return_exceptions=True)


def stored(superuser: Connection) -> list[UUID]:
    found = superuser.execute("SELECT originator_id FROM log.events ORDER BY notification_id")
    return [stream for (stream,) in found]


async def test_commands_of_two_tenants_in_one_batch_are_both_stored(
    log: GroupCommit, superuser: Connection
) -> None:
    verdicts = await while_one_commits(log, superuser, command(tenant=NORTH), command(tenant=SOUTH))
    assert [one.tenant_positions for one in verdicts if isinstance(one, Appended)] == [(2,), (1,)]
    batches = superuser.execute("SELECT count(DISTINCT xmin::text) FROM log.events").fetchone()
    assert batches == (2,)


async def test_two_batches_are_on_their_way_when_many_commands_come_at_once(
    log: GroupCommit, superuser: Connection
) -> None:
    with append_lock_held(superuser):
        callers = [asyncio.create_task(log.append(command())) for _ in range(64)]
        await until(lambda: waiting(superuser) == 2)
        callers += [asyncio.create_task(log.append(command())) for _ in range(64)]
        await asyncio.sleep(0)
    verdicts = await asyncio.gather(*callers)
    assert sorted(appended(one).positions[0] for one in verdicts) == list(range(1, 129))


async def test_where_a_commit_is_slow_all_that_waits_shares_the_next(
    log: GroupCommit, superuser: Connection
) -> None:
    with append_lock_held(superuser):
        first = asyncio.create_task(log.append(command()))
        await until(lambda: waiting(superuser) == 1)
        # The eighth part of this wait is more than a commit takes where the disk is quick.
        await asyncio.sleep(0.1)
    await first
    await while_one_commits(log, superuser, *(command() for _ in range(63)))
    batches = superuser.execute("SELECT count(DISTINCT xmin::text) FROM log.events").fetchone()
    assert batches == (3,)


async def test_a_stream_that_is_on_its_way_is_not_sent_again_beside_itself(
    log: GroupCommit, superuser: Connection
) -> None:
    stream = new_id()
    with append_lock_held(superuser):
        first = asyncio.create_task(log.append(command(stream, 1)))
        await until(lambda: waiting(superuser) == 1)
        rest = [asyncio.create_task(log.append(command(stream, 2 + n))) for n in range(20)]
        await asyncio.sleep(0)
        assert waiting(superuser) == 1
    await first
    assert [appended(await one).positions[0] for one in rest] == list(range(2, 22))


@pytest.mark.parametrize(
    "bad",
    [
        Append(rows(new_id(), topic="oil\0leak")),
        Append(rows(new_id(), topic="oil\ud800leak")),
        Append(rows(new_id(), 2**63)),
        Append(rows(new_id(), source="\0")),
        Append(rows(new_id()), key("\0")),
        Append(rows(new_id()), cause=("desk", "x" * 1_000_000)),
    ],
    ids=["NUL", "half a surrogate pair", "too large", "source", "key", "beyond an index row"],
)
async def test_a_value_that_cannot_be_stored_fails_its_own_command_only(
    log: GroupCommit, superuser: Connection, bad: Append
) -> None:
    good = [command() for _ in range(4)]
    verdicts = await while_one_commits(log, superuser, *good[:3], bad, good[3])
    assert [type(verdict) for verdict in verdicts] == [Appended] * 3 + [Invalid, Appended]
    streams = [one.rows[0].originator_id for one in good]
    assert set(stored(superuser)[1:]) == set(streams)


async def test_a_caller_who_gives_up_disturbs_nobody(
    log: GroupCommit, superuser: Connection
) -> None:
    with append_lock_held(superuser):
        leaves = asyncio.create_task(log.append(command()))
        await until(lambda: waiting(superuser) == 1)
        waits_and_leaves = asyncio.create_task(log.append(command()))
        stays = asyncio.create_task(log.append(command()))
        await asyncio.sleep(0)
        leaves.cancel()
        waits_and_leaves.cancel()
    # What was under way is stored, though nobody asks for it; what had not begun is not.
    assert appended(await stays).positions == (2,)


async def test_a_connection_that_ends_before_the_commit_is_no_conflict(
    log: GroupCommit, superuser: Connection
) -> None:
    stream = new_id()
    with append_lock_held(superuser):
        under_way = asyncio.create_task(log.append(command(stream)))
        await until(lambda: waiting(superuser) == 1)
        end_all(superuser)
    assert appended(await under_way).positions == (1,)
    assert stored(superuser) == [stream]


async def test_a_connection_that_ends_while_nobody_asks_is_replaced(
    log: GroupCommit, superuser: Connection
) -> None:
    await log.append(command())
    end_all(superuser)
    assert appended(await log.append(command())).positions == (2,)


async def test_an_answer_that_is_lost_after_the_commit_is_no_conflict(
    database: Database, superuser: Connection, tmp_path: Path
) -> None:
    async with lossy_wire(database.conninfo(APP), server=database.sockets, folder=tmp_path) as (
        wire,
        conninfo,
    ):
        log = GroupCommit(conninfo, Settings())
        await log.append(command())
        wire.lose_answer_to(b"forklift.leaked")
        keyed = Append(rows(new_id()), key(), ("desk", "7"))
        verdicts = [appended(await log.append(keyed))]
        wire.lose_answer_to(b"forklift.leaked")
        verdicts.append(appended(await log.append(command(None, 1, 2))))
        await log.close()
    assert wire.lost == 2
    assert [one.positions for one in verdicts] == [(2,), (3, 4)]
    assert [one.numbers for one in verdicts] == [(2,), (3, None)]
    assert len(stored(superuser)) == 4


async def test_a_paused_backend_that_commits_late_is_heard(
    database: Database, superuser: Connection
) -> None:
    """It holds the append lock while the rows are sent again, and may commit after that."""
    log = GroupCommit(
        database.conninfo(APP), Settings(statement_timeout_ms=100, lock_timeout_ms=3_000)
    )
    stream = new_id()
    with append_lock_held(superuser):
        under_way = asyncio.create_task(log.append(command(stream)))
        await until(lambda: waiting(superuser) == 1)
        (pid,) = appending(superuser)
        with paused(pid):
            # Longer than the call waits, so that it is given up and sent on another connection.
            await until(lambda: len(appending(superuser)) == 2)
    assert appended(await under_way).numbers == (1,)
    assert stored(superuser) == [stream]
    await log.close()


async def test_a_lock_held_too_long_is_waited_for_until_the_deadline(
    database: Database,
    superuser: Connection,
    impatient: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = GroupCommit(database.conninfo(APP), impatient)
    with append_lock_held(superuser):
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await log.append(command())
        assert 1.0 <= time.monotonic() - began < 8.0
    # Whether the first was stored after all, nobody knows; the log goes on.
    monkeypatch.setattr(log, "_deadline_s", PATIENT_S)
    appended(await log.append(command()))
    await log.close()


async def test_a_database_that_is_away_is_waited_for(database: Database) -> None:
    log = GroupCommit(database.conninfo(APP), Settings())
    await log.append(command())
    with unreachable(database) as reachable_again:
        under_way = asyncio.create_task(log.append(command()))
        await asyncio.sleep(0.2)
        assert not under_way.done()
        reachable_again()
        assert appended(await under_way).positions == (2,)
    await log.close()


async def test_past_the_deadline_a_database_that_is_away_is_unavailable(
    database: Database, impatient: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = GroupCommit(database.conninfo(APP), impatient)
    with unreachable(database), pytest.raises(Unavailable):
        await log.append(command())
    monkeypatch.setattr(log, "_deadline_s", PATIENT_S)
    assert appended(await log.append(command())).positions == (1,)
    await log.close()


async def test_a_server_that_takes_no_writes_is_left_for_another(
    database: Database, superuser: Connection, impatient: Settings
) -> None:
    """As after a failover; the next connection finds the new primary."""
    set_default(superuser, "default_transaction_read_only", "on")
    log = GroupCommit(database.conninfo(APP), impatient)
    with pytest.raises(Unavailable):
        await log.append(command())
    await log.close()
    log = GroupCommit(database.conninfo(APP), Settings())
    under_way = asyncio.create_task(log.append(command()))
    await until(lambda: bool(appending(superuser)))
    set_default(superuser, "default_transaction_read_only", "off")
    assert appended(await under_way).positions == (1,)
    await log.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [("default_transaction_isolation", "serializable"), ("synchronous_commit", "off")],
)
async def test_a_session_that_could_break_the_promises_is_refused(
    database: Database, superuser: Connection, name: str, value: str
) -> None:
    set_default(superuser, name, value)
    log = GroupCommit(database.conninfo(APP), Settings())
    with pytest.raises(Unavailable):
        await log.append(command())
    assert stored(superuser) == []
    await log.close()


async def test_a_failure_of_one_batch_leaves_the_next_its_turn(
    database: Database, superuser: Connection
) -> None:
    """Two on one stream share no batch; when the first fails, the second is not forgotten."""
    superuser.execute("ALTER FUNCTION log.append RENAME TO gone")
    log = GroupCommit(database.conninfo(APP), Settings())
    stream = new_id()
    async with asyncio.timeout(5):
        verdicts = await asyncio.gather(
            *(log.append(command(stream)) for _ in range(3)), return_exceptions=True
        )
    assert [type(verdict) for verdict in verdicts] == [Unavailable] * 3
    superuser.execute("ALTER FUNCTION log.gone RENAME TO append")
    appended(await log.append(command(stream)))
    await log.close()


async def test_too_much_of_one_tenant_is_refused_at_once(
    database: Database, superuser: Connection
) -> None:
    log = GroupCommit(database.conninfo(APP), Settings(append_queue_rows_per_tenant=2))
    with append_lock_held(superuser):
        first = asyncio.create_task(log.append(command()))
        await until(lambda: waiting(superuser) == 1)
        full = asyncio.create_task(log.append(command(None, 1, 2)))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await log.append(command())
        other = asyncio.create_task(log.append(command(tenant=SOUTH)))
    for verdict in await asyncio.gather(first, full, other):
        assert isinstance(verdict, Appended)
    await log.close()


async def test_closing_tells_those_who_wait_and_those_who_come_later(
    database: Database, superuser: Connection
) -> None:
    log = GroupCommit(database.conninfo(APP), Settings())
    with append_lock_held(superuser):
        under_way = asyncio.create_task(log.append(command()))
        await until(lambda: waiting(superuser) == 1)
        queued = asyncio.create_task(log.append(command()))
        await asyncio.sleep(0)
        await log.close()
        for one in (under_way, queued):
            with pytest.raises(Unavailable):
                await one
    async with asyncio.timeout(5):
        with pytest.raises(Unavailable):
            await log.append(command())


async def test_an_unknown_host_is_unavailable_and_leaves_nothing_open(
    database: Database, tmp_path: Path, impatient: Settings
) -> None:
    log = GroupCommit(make_conninfo(database.conninfo(APP), host=str(tmp_path)), impatient)
    with pytest.raises(Unavailable):
        await log.append(command())
    await log.close()


async def test_duplicates_that_come_together_get_one_answer(log: GroupCommit) -> None:
    same = IdempotencyKey("oil-1", bytes(32))
    verdicts = await asyncio.gather(*(log.append(Append(rows(new_id()), same)) for _ in range(5)))
    assert [type(verdict).__name__ for verdict in verdicts] == ["Appended"] + ["Replayed"] * 4


async def test_what_is_taken_fails_its_own_command_only(
    log: GroupCommit, superuser: Connection
) -> None:
    """An index refuses the whole batch, which is then looked through and sent again."""
    taken = new_id()
    await log.append(Append(rows(taken), key()))
    batch = [
        command(),
        command(taken),
        command(tenant=SOUTH),
        Append(rows(new_id()), key()),
        Append(rows(new_id()), key("oil-2")),
    ]
    verdicts = await while_one_commits(log, superuser, *batch)
    expected = [Appended, VersionConflict, Appended, Replayed, Appended]
    assert [type(verdict) for verdict in verdicts] == expected
    assert len(stored(superuser)) == 5


async def test_a_known_key_is_answered_even_where_the_version_is_gone(log: GroupCommit) -> None:
    stream = new_id()
    await log.append(command(stream))
    await log.append(Append(rows(stream, 2), key()))
    assert isinstance(await log.append(Append(rows(stream, 2), key())), Replayed)


@pytest.mark.parametrize("is_careful", [False, True])
async def test_a_known_key_is_answered_before_a_known_cause(
    log: GroupCommit, *, is_careful: bool
) -> None:
    first = Append(rows(new_id()), key(), ("desk", "7"))
    appended(await log.append(first))
    if is_careful:
        await log.append(Append(rows(new_id()), key()))
    again = Append(rows(new_id()), key(), ("desk", "7"))
    assert isinstance(await log.append(again), Replayed)
    with pytest.raises(KeyReused):
        await log.append(Append(rows(new_id()), key(digest=b"1" * 32), ("desk", "7")))
