"""What the append call promises of every command, whatever else is in its batch."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.write_model.kernel.store.writing import (
    JONAS,
    NORTH,
    SOUTH,
    appended,
    command,
    key,
    rows,
)
from write_model.kernel.errors import Invalid, KeyReused, SubjectErased
from write_model.kernel.ids import new_id
from write_model.kernel.store import append_call
from write_model.kernel.store.group_commit import GroupCommit
from write_model.kernel.store.recorded_event import (
    Append,
    Appended,
    CauseKnown,
    Replayed,
    VersionConflict,
)

Connection = psycopg.Connection[Any]


async def test_positions_are_dense_in_the_log_and_in_each_tenant(log: GroupCommit) -> None:
    """Refused commands among them leave no hole."""
    taken = new_id()
    await log.append(command(taken))
    verdicts = await asyncio.gather(
        log.append(command(tenant=NORTH)),
        log.append(command(tenant=SOUTH)),
        log.append(command(taken)),
        log.append(command(None, 1, 2, tenant=SOUTH)),
        log.append(command(tenant=NORTH)),
        return_exceptions=True,
    )
    assert isinstance(verdicts[2], VersionConflict)
    done = [verdict for verdict in verdicts if isinstance(verdict, Appended)]
    assert sorted(position for one in done for position in one.positions) == [2, 3, 4, 5, 6]
    assert [one.tenant_positions for one in done] == [(2,), (1,), (2, 3), (3,)]


async def test_rows_of_several_organizations_and_kinds_may_come_in_any_order(
    log: GroupCommit,
) -> None:
    """Group commit puts a tenant's rows together; the function does not rest on it."""
    told = [(NORTH, "audit"), (SOUTH, "audit"), (NORTH, "leak"), (SOUTH, "leak"), (NORTH, "audit")]
    batch = [Append(rows(new_id(), 1, 2, tenant=t, topic=f"{k}.planned")) for t, k in told]
    call = await log.connect()
    result = await call(append_call.parameters(batch), timeout_s=5)
    call.close()
    done = [one for one in append_call.verdicts(batch, result) if isinstance(one, Appended)]
    assert [one.positions[0] for one in done] == [1, 3, 5, 7, 9]
    assert [one.tenant_positions for one in done] == [(1, 2), (1, 2), (3, 4), (3, 4), (5, 6)]
    assert [one.numbers for one in done] == [(n, None) for n in (1, 1, 1, 1, 2)]


async def test_streams_are_numbered_by_kind_in_each_tenant(log: GroupCommit) -> None:
    leak = appended(await log.append(Append(rows(new_id(), 1, 2))))
    audit = appended(await log.append(Append(rows(new_id(), topic="audit.planned"))))
    both = Append(rows(new_id(), 1, 2) + rows(new_id()))
    second = appended(await log.append(both))
    theirs = appended(await log.append(command(tenant=SOUTH)))
    assert (leak.numbers, audit.numbers) == ((1, None), (1,))
    assert (second.numbers, theirs.numbers) == ((2, None, 3), (1,))


async def test_a_stream_that_goes_on_gets_no_other_number(log: GroupCommit) -> None:
    stream = new_id()
    await log.append(command(stream))
    assert appended(await log.append(command(stream, 2, 3))).numbers == (None, None)


@pytest.mark.parametrize("versions", [(2,), (3,), (-1,), (1, 3), (1, 1)])
async def test_a_version_without_its_predecessor_is_refused(
    log: GroupCommit, versions: tuple[int, ...]
) -> None:
    with pytest.raises((VersionConflict, Invalid)):
        await log.append(command(None, *versions))


async def test_a_version_that_is_taken_is_refused(log: GroupCommit) -> None:
    stream = new_id()
    await log.append(command(stream, 1, 2))
    for version in (1, 2, 4):
        with pytest.raises(VersionConflict):
            await log.append(command(stream, version))


async def test_a_stream_of_another_tenant_is_refused(log: GroupCommit) -> None:
    stream = new_id()
    await log.append(command(stream, tenant=NORTH))
    for version in (1, 2):
        with pytest.raises(VersionConflict):
            await log.append(command(stream, version, tenant=SOUTH))


@pytest.mark.parametrize("begun_at", [0, 1])
async def test_wherever_a_stream_began_no_other_tenant_adds_to_it(
    log: GroupCommit, begun_at: int
) -> None:
    """Callers of the library may begin at 0: the first version of ours is free there."""
    stream = new_id()
    await log.append(command(stream, begun_at))
    with pytest.raises(VersionConflict):
        await log.append(command(stream, 1, tenant=SOUTH))


async def test_a_stream_that_began_at_0_goes_on(log: GroupCommit) -> None:
    stream = new_id()
    await log.append(command(stream, 0))
    assert appended(await log.append(command(stream, 1))).positions == (2,)
    with pytest.raises(VersionConflict):
        await log.append(command(stream, 0))


@pytest.mark.parametrize(("version", "tenant"), [(1, NORTH), (3, NORTH), (2, SOUTH)])
async def test_an_unknown_key_excuses_no_wrong_version(
    log: GroupCommit, version: int, tenant: UUID
) -> None:
    stream = new_id()
    await log.append(command(stream))
    with pytest.raises(VersionConflict):
        await log.append(Append(rows(stream, version, tenant=tenant), key()))


@pytest.mark.parametrize(("version", "tenant"), [(1, NORTH), (3, NORTH), (2, SOUTH)])
async def test_neither_cause_nor_subject_excuses_a_wrong_version(
    log: GroupCommit, version: int, tenant: UUID
) -> None:
    stream = new_id()
    await log.append(command(stream))
    wrong = rows(stream, version, tenant=tenant)
    for one in (Append(wrong, cause=("desk", "7")), Append(wrong, subjects=(JONAS,))):
        with pytest.raises(VersionConflict):
            await log.append(one)


async def test_a_command_on_several_streams_is_stored_whole_or_not(
    log: GroupCommit, superuser: Connection
) -> None:
    free, taken = new_id(), new_id()
    await log.append(command(taken))
    with pytest.raises(VersionConflict):
        await log.append(Append(rows(free) + rows(taken)))
    assert _count(superuser) == 1


async def test_a_key_answers_as_it_did_first(log: GroupCommit) -> None:
    stream = new_id()
    first = appended(await log.append(Append(rows(stream, 1, 2), key())))
    again = await log.append(Append(rows(new_id()), key()))
    assert again == Replayed(stream, 2, first.tenant_positions[-1], 1)


async def test_a_key_of_another_request_is_refused(log: GroupCommit) -> None:
    await log.append(Append(rows(new_id()), key()))
    with pytest.raises(KeyReused):
        await log.append(Append(rows(new_id()), key(digest=b"1" * 32)))


async def test_a_key_belongs_to_one_tenant(log: GroupCommit) -> None:
    await log.append(Append(rows(new_id()), key()))
    appended(await log.append(Append(rows(new_id(), tenant=SOUTH), key())))


async def test_a_refused_command_leaves_its_key_free(log: GroupCommit) -> None:
    with pytest.raises(VersionConflict):
        await log.append(Append(rows(new_id(), 7), key(), cause=("desk", "7")))
    appended(await log.append(Append(rows(new_id()), key(), cause=("desk", "7"))))


async def test_a_cause_begins_one_stream_only(log: GroupCommit) -> None:
    stream = new_id()
    await log.append(Append(rows(stream), cause=("desk", "7")))
    assert await log.append(Append(rows(new_id()), cause=("desk", "7"))) == CauseKnown(stream)
    appended(await log.append(Append(rows(new_id()), cause=("desk", "8"))))
    theirs = Append(rows(new_id(), tenant=SOUTH), cause=("desk", "7"))
    appended(await log.append(theirs))


async def test_nothing_is_sealed_for_an_erased_person(
    log: GroupCommit, superuser: Connection
) -> None:
    superuser.execute(
        "INSERT INTO personal.subject_keys (tenant_id, subject_id, key_id, erased_at)"
        " VALUES (%s, %s, 1, now())",
        (NORTH, JONAS),
    )
    with pytest.raises(SubjectErased):
        await log.append(Append(rows(new_id()), subjects=(JONAS,)))
    appended(await log.append(Append(rows(new_id(), tenant=SOUTH), subjects=(JONAS,))))


@pytest.mark.parametrize("extra", ["", "key", "cause"])
async def test_the_same_rows_sent_again_are_stored_once(log: GroupCommit, extra: str) -> None:
    """As after a lost answer; the verdict is the first one, not a conflict."""
    stream, other = new_id(), new_id()
    one = new_id()
    both = rows(stream, 1, 2, command=one) + rows(other, command=one)
    sent = Append(
        both, key() if extra == "key" else None, ("desk", "7") if extra == "cause" else None
    )
    first = appended(await log.append(sent))
    await log.append(command())
    assert await log.append(sent) == first


async def test_the_same_rows_sent_again_conflict_with_nobody_elses(log: GroupCommit) -> None:
    stream = new_id()
    first = appended(await log.append(command(stream)))
    sent = command(stream, 2)
    await log.append(sent)
    await log.append(command(stream, 3))
    assert appended(await log.append(sent)).positions == (first.positions[0] + 1,)


async def test_recorded_time_never_goes_back(log: GroupCommit, superuser: Connection) -> None:
    """Not even when the clock does."""
    await log.append(command())
    ahead = datetime.now(UTC) + timedelta(hours=1)
    with superuser.transaction():
        superuser.execute("SET LOCAL session_replication_role = replica")
        superuser.execute("UPDATE log.events SET recorded_at = %s", (ahead,))
    assert appended(await log.append(command())).recorded_at == ahead


async def test_every_event_bears_the_epoch_of_its_time(
    log: GroupCommit, superuser: Connection
) -> None:
    before = appended(await log.append(command()))
    superuser.execute(
        "INSERT INTO log.epochs (epoch, first_position, reason) VALUES (2, 2, 'promoted')"
    )
    assert (before.epoch, appended(await log.append(command())).epoch) == (1, 2)


def _count(superuser: Connection) -> int:
    row = superuser.execute("SELECT count(*) FROM log.events").fetchone()
    assert row is not None
    return int(row[0])
