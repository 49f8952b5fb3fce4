"""The door: nothing is refused on a stale state, nothing is done twice, nothing by halves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import psycopg
import pytest

from tests.embedded import Database
from tests.write_model.given import COMMANDER, TENANT
from tests.write_model.kernel.store.disturbing import (
    append_lock_held,
    unreachable,
    until,
    waiting,
)
from tests.write_model.kernel.store.wire import LossyWire, lossy_wire
from write_model.application import WriteModel
from write_model.deciding import Asked
from write_model.incident.commands import (
    AcknowledgeIncident,
    AddNote,
    CancelIncident,
    DeclareIncident,
    MergeIncident,
    ReleaseIncident,
    ReportIncident,
)
from write_model.incident.events import Severity, Status
from write_model.incident.incident import INCIDENT
from write_model.kernel.access import Actor, Role
from write_model.kernel.errors import (
    Conflict,
    DomainError,
    Forbidden,
    IllegalTransition,
    Invalid,
    KeyInProgress,
    KeyReused,
    NotFound,
    PreconditionRequired,
    RecordLocked,
    Unavailable,
    VersionMismatch,
)
from write_model.kernel.ids import new_id
from write_model.kernel.importing import ImportedFrom
from write_model.kernel.locks import StreamLocks
from write_model.kernel.messages import IdempotencyKey, Receipt, Recorded
from write_model.kernel.settings import Settings
from write_model.membership.commands import AddMember, ListPerson
from write_model.membership.membership import membership_stream
from write_model.opening import opened

DECLARE = DeclareIncident(title="Forklift leaks oil", severity=Severity.SEV3)
REPORT = ReportIncident(title="Oil under a forklift")
ACKNOWLEDGE, RELEASE = AcknowledgeIncident(), ReleaseIncident()
NOTE = AddNote(text="The oil is bound with sand.")
KEY = IdempotencyKey("forklift-1", bytes(32))
OWNER = replace(COMMANDER, roles=frozenset({Role.OWNER}))


class SignOff(AddNote):
    """Put one's name under what one saw."""

    binds_what_was_seen: ClassVar[bool] = True


@asynccontextmanager
async def process(settings: Settings) -> AsyncGenerator[WriteModel]:
    """A write model with caches and connections of its own, like one process of several."""
    async with opened(settings) as parts:
        yield parts.write_model


@asynccontextmanager
async def through_a_wire(
    settings: Settings, database: Database, tmp_path: Path
) -> AsyncGenerator[tuple[LossyWire, WriteModel]]:
    folder = tmp_path / "wire"
    folder.mkdir()
    async with (
        lossy_wire("", server=database.sockets, folder=folder) as (wire, _),
        process(settings.model_copy(update={"socket_folder": folder})) as ours,
    ):
        yield wire, ours


@pytest.fixture
async def ours(settings: Settings) -> AsyncGenerator[WriteModel]:
    async with process(settings) as model:
        yield model


@pytest.fixture
async def theirs(settings: Settings) -> AsyncGenerator[WriteModel]:
    async with process(settings) as model:
        yield model


async def declared(model: WriteModel) -> UUID:
    return (await model.start(DECLARE, by=COMMANDER)).stream


async def status(model: WriteModel, stream: UUID) -> Status:
    incident, _ = await model.state(TENANT, stream, INCIDENT)
    found: Status = incident.status
    return found


async def test_a_command_answers_with_where_it_stands(ours: WriteModel) -> None:
    began = await ours.start(DECLARE, by=COMMANDER)
    assert (began.version, began.position, began.number, began.created) == (1, 1, 1, True)
    noted = await ours.handle(began.stream, NOTE, by=COMMANDER)
    assert noted == Receipt(began.stream, 2, 2, 1)
    assert await ours.stream_of(TENANT, "incident", 1) == began.stream
    assert await ours.state(TENANT, new_id(), INCIDENT) == (INCIDENT.empty, 0)


async def test_nothing_is_refused_on_a_stale_state(ours: WriteModel, theirs: WriteModel) -> None:
    stream = await declared(ours)
    await theirs.handle(stream, ACKNOWLEDGE, by=COMMANDER)
    released = await ours.handle(stream, RELEASE, by=COMMANDER)
    assert released.version == 3
    acknowledged = await theirs.handle(stream, ACKNOWLEDGE, by=COMMANDER)
    assert acknowledged.version == 4


async def test_a_refusal_rests_on_what_is_committed(ours: WriteModel, theirs: WriteModel) -> None:
    stream = await declared(ours)
    await theirs.handle(stream, ACKNOWLEDGE, by=COMMANDER)
    with pytest.raises(IllegalTransition):
        await ours.handle(stream, ACKNOWLEDGE, by=COMMANDER)


async def test_what_is_accepted_on_a_stale_state_is_brought_forward(
    ours: WriteModel, theirs: WriteModel
) -> None:
    stream = await declared(ours)
    await theirs.handle(stream, NOTE, by=COMMANDER)
    await theirs.handle(stream, NOTE, by=COMMANDER)
    assert (await ours.handle(stream, NOTE, by=COMMANDER)).version == 4
    await theirs.handle(stream, CancelIncident(reason="Twice told"), by=COMMANDER)
    with pytest.raises(RecordLocked):
        await ours.handle(stream, RELEASE, by=COMMANDER)


async def test_who_loses_a_race_reads_only_what_the_others_wrote(
    ours: WriteModel, theirs: WriteModel
) -> None:
    stream = await declared(ours)
    newest = await theirs.handle(stream, NOTE, by=COMMANDER)
    asked: list[int] = []

    class Listening:
        async def newer(self, tenant: UUID, stream: UUID, *, after: int) -> list[Recorded]:
            asked.append(after)
            return await ours.reader.newer(tenant, stream, after=after)

    object.__setattr__(ours.records, "_streams", Listening())
    await ours.handle(stream, NOTE, by=COMMANDER)
    assert asked == [newest.version - 1]


async def test_a_version_that_was_seen_is_never_brought_forward(
    ours: WriteModel, theirs: WriteModel
) -> None:
    stream = await declared(ours)
    await theirs.handle(stream, NOTE, by=COMMANDER)
    with pytest.raises(VersionMismatch) as refusal:
        await ours.handle(stream, NOTE, by=COMMANDER, expected=1)
    assert refusal.value.current == 2
    assert (await ours.handle(stream, NOTE, by=COMMANDER, expected=2)).version == 3
    # A version that is newer than what this process remembers is no mismatch.
    assert (await theirs.handle(stream, NOTE, by=COMMANDER, expected=3)).version == 4
    with pytest.raises(NotFound):
        await ours.handle(new_id(), NOTE, by=COMMANDER, expected=1)


async def test_any_of_several_versions_that_were_seen_will_do(
    ours: WriteModel, theirs: WriteModel
) -> None:
    stream = await declared(ours)
    await theirs.handle(stream, NOTE, by=COMMANDER)
    # This process remembers the first and must not take the two for a mismatch, or the reverse.
    assert (await ours.handle(stream, NOTE, by=COMMANDER, expected=frozenset({1, 2}))).version == 3
    with pytest.raises(VersionMismatch):
        await ours.handle(stream, NOTE, by=COMMANDER, expected=frozenset({1, 2}))


async def test_what_binds_a_person_must_say_what_was_seen(ours: WriteModel) -> None:
    stream = await declared(ours)
    with pytest.raises(PreconditionRequired):
        await ours.handle(stream, SignOff(text="Seen"), by=COMMANDER)
    signed = await ours.handle(stream, SignOff(text="Seen"), by=COMMANDER, expected=1)
    assert signed.version == 2


async def test_the_third_try_wins_against_any_number_of_others(
    settings: Settings, ours: WriteModel
) -> None:
    """Every process writes on one stream without a pause; each gets all of its commands through."""
    stream = await declared(ours)
    async with AsyncExitStack() as stack:
        models = [await stack.enter_async_context(process(settings)) for _ in range(3)]

        async def busy(model: WriteModel) -> list[int]:
            return [(await model.handle(stream, NOTE, by=COMMANDER)).version for _ in range(25)]

        versions = await asyncio.gather(*map(busy, [ours, *models]))
    assert sorted(version for one in versions for version in one) == list(range(2, 102))


async def test_under_the_lock_a_no_op_or_a_refusal_is_answered_too(
    ours: WriteModel, theirs: WriteModel
) -> None:
    """Merging looks at another incident, and so is decided under the append lock at once."""
    one, other = await declared(ours), await declared(ours)
    with pytest.raises(NotFound):
        await ours.handle(one, MergeIncident(into=new_id()), by=COMMANDER)
    merged = await theirs.handle(one, MergeIncident(into=other), by=COMMANDER)
    assert (merged.version, await status(ours, one)) == (2, Status.MERGED)
    with pytest.raises(RecordLocked):
        await ours.handle(one, MergeIncident(into=other), by=COMMANDER)


async def test_what_an_import_did_before_changes_nothing_under_the_lock(ours: WriteModel) -> None:
    one, other = await declared(ours), await declared(ours)
    importer = replace(COMMANDER, roles=frozenset({Role.SERVICE}), source="import")
    merge = MergeIncident(into=other, imported=ImportedFrom(row=1))
    assert (await ours.handle(one, merge, by=importer)).version == 2
    assert (await ours.handle(one, merge, by=importer)).version == 2


async def test_who_loses_the_lock_with_its_connection_decides_again(
    settings: Settings, theirs: WriteModel, database: Database, tmp_path: Path
) -> None:
    one, other = await declared(theirs), await declared(theirs)
    async with through_a_wire(settings, database, tmp_path) as (wire, ours):
        with (
            psycopg.connect(database.conninfo("postgres"), autocommit=True) as superuser,
            append_lock_held(superuser),
        ):
            wire.lose_answer_to(b"incident.merged")
            merge = ours.handle(one, MergeIncident(into=other), by=COMMANDER)
            merging = asyncio.create_task(merge)
            await until(lambda: waiting(superuser) == 1)
            noting = asyncio.create_task(theirs.handle(one, NOTE, by=COMMANDER))
            await until(lambda: waiting(superuser) == 2)
        assert [(await noting).version, (await merging).version, wire.lost] == [2, 3, 1]


async def test_a_merge_that_lost_the_lock_sees_what_came_between(
    settings: Settings, theirs: WriteModel, database: Database, tmp_path: Path
) -> None:
    """No version of the one protects what was read of the other: they would point in a circle."""
    one, other = await declared(theirs), await declared(theirs)
    async with through_a_wire(settings, database, tmp_path) as (wire, ours):
        with (
            psycopg.connect(database.conninfo("postgres"), autocommit=True) as superuser,
            append_lock_held(superuser),
        ):
            wire.lose_answer_to(b"incident.merged")
            merge = ours.handle(one, MergeIncident(into=other), by=COMMANDER)
            merging = asyncio.create_task(merge)
            await until(lambda: waiting(superuser) == 1)
            crossing = theirs.handle(other, MergeIncident(into=one), by=COMMANDER)
            crossed = asyncio.create_task(crossing)
            await until(lambda: waiting(superuser) == 2)
        assert (await crossed).version == 2
        with pytest.raises(IllegalTransition):
            await merging
        assert wire.lost == 1
    assert await status(theirs, one) == Status.OPEN


async def test_a_merge_whose_commit_was_not_answered_is_done_once(
    settings: Settings, theirs: WriteModel, database: Database, tmp_path: Path
) -> None:
    one, other = await declared(theirs), await declared(theirs)
    async with through_a_wire(settings, database, tmp_path) as (wire, ours):
        wire.lose_answer_to(b"COMMIT")
        merged = await ours.handle(one, MergeIncident(into=other), by=COMMANDER)
        assert (merged.version, wire.lost) == (2, 1)
    assert (await theirs.state(TENANT, one, INCIDENT))[1] == 2


async def test_a_lock_that_is_lost_every_time_is_unavailable(
    settings: Settings, theirs: WriteModel, database: Database, tmp_path: Path
) -> None:
    one, other = await declared(theirs), await declared(theirs)
    async with through_a_wire(settings, database, tmp_path) as (wire, ours):
        # Each second time is the question whether the first one was stored.
        wire.lose_answer_to(b"incident.merged", times=3, every=2)
        with pytest.raises(Unavailable):
            await ours.handle(one, MergeIncident(into=other), by=COMMANDER)
        assert wire.lost == 3
    assert await status(theirs, one) == Status.OPEN


async def test_two_incidents_are_never_merged_into_each_other(
    ours: WriteModel, theirs: WriteModel
) -> None:
    for _ in range(5):
        one, other = await declared(ours), await declared(ours)
        verdicts = await asyncio.gather(
            ours.handle(one, MergeIncident(into=other), by=COMMANDER),
            theirs.handle(other, MergeIncident(into=one), by=COMMANDER),
            return_exceptions=True,
        )
        refused = [one for one in verdicts if isinstance(one, DomainError)]
        assert [type(error) for error in refused] == [IllegalTransition]


async def test_commands_on_several_records_are_all_carried_out_or_none(ours: WriteModel) -> None:
    one, other = await declared(ours), await declared(ours)
    both = [Asked(one, NOTE), Asked(other, NOTE)]
    receipts = await ours.handle_all(both, by=COMMANDER)
    assert [(each.stream, each.version, each.number) for each in receipts] == [
        (one, 2, 1),
        (other, 2, 2),
    ]
    with pytest.raises(IllegalTransition):
        await ours.handle_all([Asked(one, NOTE), Asked(other, RELEASE)], by=COMMANDER)
    assert (await ours.state(TENANT, one, INCIDENT))[1] == 2


async def test_a_cause_makes_one_record_and_no_more(ours: WriteModel) -> None:
    one = await declared(ours)
    told = DECLARE.model_copy(update={"source": "desk", "source_key": "7"})
    with pytest.raises(ValueError, match="one record"):
        await ours.handle_all([Asked(one, NOTE), Asked(new_id(), told)], by=COMMANDER)


async def test_a_key_of_several_commands_answers_them_all_as_at_first(
    ours: WriteModel, theirs: WriteModel
) -> None:
    siri, ole, kari = (listing(UUID(int=number)) for number in (0x51, 0x01E, 0xCA))
    await ours.handle_all([siri], by=OWNER)
    await ours.handle(siri.stream, joining(siri), by=OWNER)
    first = await ours.handle_all([siri, ole, kari], by=OWNER, key=KEY)
    assert [(each.version, each.created) for each in first] == [(3, False), (1, True), (1, True)]
    await theirs.handle(ole.stream, joining(ole), by=OWNER)
    for model in (ours, theirs):
        again = await model.handle_all([siri, ole, kari], by=OWNER, key=KEY)
        assert again == [each._replace(replayed=True) for each in first]
    with pytest.raises(KeyReused):
        await ours.handle_all([siri, ole], by=OWNER, key=KEY._replace(digest=b"1" * 32))


def listing(subject: UUID) -> Asked:
    """A person is named in records; who is named already stays as he is."""
    return Asked(membership_stream(TENANT, subject), ListPerson(subject=subject, name="Ole Vik"))


def joining(listed: Asked) -> AddMember:
    assert isinstance(listed.command, ListPerson)
    subject = listed.command.subject
    return AddMember(subject=subject, name="Ole Vik", roles=frozenset({Role.VIEWER}))


async def test_several_commands_with_one_key_that_come_together_are_done_once(
    ours: WriteModel, theirs: WriteModel
) -> None:
    asked = [Asked(new_id(), DECLARE), Asked(new_id(), DECLARE)]
    answers = await asyncio.gather(
        *(model.handle_all(asked, by=COMMANDER, key=KEY) for model in (ours, theirs) * 3)
    )
    assert [[each.version for each in answer] for answer in answers] == [[1, 1]] * 6
    assert sorted(answer[0].replayed for answer in answers) == [False] + [True] * 5


async def test_a_conflict_on_one_record_blames_no_other(
    ours: WriteModel, theirs: WriteModel
) -> None:
    one, other = await declared(ours), await declared(ours)
    await theirs.handle(other, NOTE, by=COMMANDER)
    receipts = await ours.handle_all(
        [Asked(one, NOTE, expected=1), Asked(other, NOTE)], by=COMMANDER
    )
    assert [each.version for each in receipts] == [2, 3]


async def test_a_repeated_request_gets_the_first_answer(
    ours: WriteModel, theirs: WriteModel
) -> None:
    began = await ours.start(DECLARE, by=COMMANDER, key=KEY)
    again = await theirs.start(DECLARE, by=COMMANDER, key=KEY)
    assert again == began._replace(replayed=True)
    noted = await ours.handle(began.stream, NOTE, by=COMMANDER, key=KEY._replace(key="note"))
    await ours.handle(began.stream, NOTE, by=COMMANDER)
    repeated = await ours.handle(began.stream, NOTE, by=COMMANDER, key=KEY._replace(key="note"))
    assert repeated == noted._replace(replayed=True)


async def test_a_repeated_request_is_not_refused_for_what_it_did_itself(
    ours: WriteModel, theirs: WriteModel
) -> None:
    stream = await declared(ours)
    first = await ours.handle(stream, ACKNOWLEDGE, by=COMMANDER, key=KEY)
    for model in (ours, theirs):
        again = await model.handle(stream, ACKNOWLEDGE, by=COMMANDER, key=KEY)
        assert again == first._replace(replayed=True)
    with pytest.raises(IllegalTransition):
        await ours.handle(stream, ACKNOWLEDGE, by=COMMANDER, key=KEY._replace(key="other"))


async def test_requests_with_one_key_that_come_together_get_one_answer(
    ours: WriteModel, theirs: WriteModel
) -> None:
    receipts = await asyncio.gather(
        *(model.start(DECLARE, by=COMMANDER, key=KEY) for model in (ours, theirs) * 4)
    )
    assert len({one.stream for one in receipts}) == 1
    assert sorted(one.replayed for one in receipts) == [False] + [True] * 7
    assert {one.number for one in receipts} == {1}


async def test_who_repeats_a_request_is_told_when_the_first_takes_too_long(
    ours: WriteModel, database: Database
) -> None:
    impatient = replace(ours, locks=StreamLocks(key_wait_s=0.05))
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as superuser:
        with append_lock_held(superuser):
            first = asyncio.create_task(impatient.start(DECLARE, by=COMMANDER, key=KEY))
            await until(lambda: waiting(superuser) == 1)
            with pytest.raises(KeyInProgress):
                await impatient.start(DECLARE, by=COMMANDER, key=KEY)
        began = await first
    assert await impatient.start(DECLARE, by=COMMANDER, key=KEY) == began._replace(replayed=True)


async def test_a_first_request_that_is_given_up_leaves_its_key_to_the_next(
    ours: WriteModel, database: Database
) -> None:
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as superuser:
        with append_lock_held(superuser):
            first = asyncio.create_task(ours.start(DECLARE, by=COMMANDER, key=KEY))
            await until(lambda: waiting(superuser) == 1)
            second = asyncio.create_task(ours.start(DECLARE, by=COMMANDER, key=KEY))
            first.cancel()
        assert (await second).number == 1


async def test_a_key_is_not_used_for_another_request(ours: WriteModel) -> None:
    stream = await declared(ours)
    await ours.handle(stream, ACKNOWLEDGE, by=COMMANDER, key=KEY)
    other = KEY._replace(digest=b"1" * 32)
    with pytest.raises(KeyReused):
        await ours.handle(stream, NOTE, by=COMMANDER, key=other)
    with pytest.raises(KeyReused):
        await ours.handle(stream, ACKNOWLEDGE, by=COMMANDER, key=other)


async def test_what_changes_nothing_answers_with_what_stands(ours: WriteModel) -> None:
    told = DECLARE.model_copy(update={"source": "desk", "source_key": "7"})
    first = await ours.start(told, by=COMMANDER, key=KEY)
    again = await ours.start(told, by=COMMANDER)
    assert again == Receipt(first.stream, 1, 1, 1)
    assert await ours.start(told, by=COMMANDER, key=KEY) == first._replace(replayed=True)
    assert await ours.start(told, by=COMMANDER, key=KEY._replace(key="new")) == again


async def test_one_cause_begins_one_record_wherever_it_is_told(
    ours: WriteModel, theirs: WriteModel
) -> None:
    told = DECLARE.model_copy(update={"source": "desk", "source_key": "7"})
    receipts = await asyncio.gather(
        *(model.start(told, by=COMMANDER) for model in (ours, theirs) * 3)
    )
    assert len({one.stream for one in receipts}) == 1
    assert sorted(one.created for one in receipts) == [False] * 5 + [True]


async def test_a_cause_told_of_another_record_leads_to_the_first(ours: WriteModel) -> None:
    told = DECLARE.model_copy(update={"source": "desk", "source_key": "7"})
    first = await ours.start(told, by=COMMANDER)
    elsewhere = await ours.handle(new_id(), told, by=COMMANDER)
    assert (elsewhere.stream, elsewhere.created) == (first.stream, False)


async def test_a_report_is_declared_with_the_cause_it_began_with(ours: WriteModel) -> None:
    cause = {"source": "sensor", "source_key": "leak-7"}
    reported = await ours.start(REPORT.model_copy(update=cause), by=COMMANDER)
    told = DECLARE.model_copy(update=cause)
    declared = await ours.start(told, by=COMMANDER)
    assert (declared.stream, declared.version) == (reported.stream, 2)
    assert await status(ours, reported.stream) is Status.OPEN
    assert await ours.start(told, by=COMMANDER) == declared


async def test_the_cause_that_a_declaration_gives_a_report_makes_no_other_record(
    ours: WriteModel,
) -> None:
    reported = await ours.start(REPORT, by=COMMANDER)
    told = DECLARE.model_copy(update={"source": "sensor", "source_key": "leak-7"})
    declared = await ours.handle(reported.stream, told, by=COMMANDER)
    assert await ours.start(told, by=COMMANDER) == declared
    incident, _ = await ours.state(TENANT, reported.stream, INCIDENT)
    assert (incident.source, incident.source_key) == ("sensor", "leak-7")


async def test_a_cause_whose_record_is_not_there_is_a_conflict(
    ours: WriteModel, database: Database
) -> None:
    """As after rows were deleted by hand; doctor finds out more."""
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as superuser:
        superuser.execute(
            "INSERT INTO log.source_keys (tenant_id, source, key, stream_id, command_id)"
            " VALUES (%s, 'desk', '7', %s, %s)",
            (TENANT, new_id(), new_id()),
        )
    told = DECLARE.model_copy(update={"source": "desk", "source_key": "7"})
    with pytest.raises(Conflict):
        await ours.start(told, by=COMMANDER)


async def test_another_tenants_record_is_not_there(ours: WriteModel) -> None:
    stream = await declared(ours)
    stranger = Actor(COMMANDER.id, UUID(int=0x99), COMMANDER.roles)
    with pytest.raises(NotFound):
        await ours.handle(stream, NOTE, by=stranger)
    with pytest.raises(NotFound):
        await ours.handle(stream, DECLARE, by=stranger)


async def test_who_lacks_the_permission_is_refused(ours: WriteModel) -> None:
    stream = await declared(ours)
    with pytest.raises(Forbidden):
        await ours.handle(stream, NOTE, by=replace(COMMANDER, roles=frozenset({Role.VIEWER})))


async def test_after_a_failure_the_record_is_folded_again(
    ours: WriteModel, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = await declared(ours)
    assert ours.records.known(TENANT, stream, INCIDENT) is not None
    monkeypatch.setattr(ours.log, "_deadline_s", 0.5)
    with unreachable(database), pytest.raises(Unavailable):
        await ours.handle(stream, NOTE, by=COMMANDER)
    assert ours.records.known(TENANT, stream, INCIDENT) is None


async def test_a_caller_who_gives_up_leaves_the_record_to_the_next(
    ours: WriteModel, database: Database
) -> None:
    stream = await declared(ours)
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as superuser:
        with append_lock_held(superuser):
            leaves = asyncio.create_task(ours.handle(stream, ACKNOWLEDGE, by=COMMANDER))
            await until(lambda: waiting(superuser) == 1)
            leaves.cancel()
            stays = asyncio.create_task(ours.handle(stream, NOTE, by=COMMANDER))
            await asyncio.sleep(0)
        assert (await stays).version == 3
    assert await status(ours, stream) == Status.IN_PROGRESS


async def test_who_waits_for_a_record_and_gives_up_leaves_no_lock(
    ours: WriteModel, database: Database
) -> None:
    stream = await declared(ours)
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as superuser:
        with append_lock_held(superuser):
            first = asyncio.create_task(ours.handle(stream, NOTE, by=COMMANDER))
            second = asyncio.create_task(ours.handle(stream, NOTE, by=COMMANDER))
            await until(lambda: waiting(superuser) == 1)
            second.cancel()
        await first
    assert (await ours.handle(stream, NOTE, by=COMMANDER)).version == 3


async def test_a_value_that_cannot_be_stored_leaves_the_record_usable(ours: WriteModel) -> None:
    stream = await declared(ours)
    told = DECLARE.model_copy(update={"source": "desk", "source_key": "\0"})
    with pytest.raises(Invalid):
        await ours.handle(new_id(), told, by=COMMANDER)
    assert (await ours.handle(stream, NOTE, by=COMMANDER)).version == 2


async def test_an_injured_persons_name_is_in_no_row_in_clear(
    ours: WriteModel, database: Database
) -> None:
    await ours.start(DECLARE.model_copy(update={"injured": "Ole Nordmann"}), by=COMMANDER)
    with psycopg.connect(database.conninfo("postgres")) as superuser:
        rows: list[Any] = superuser.execute("SELECT state FROM log.events").fetchall()
    assert b'"injured"' in rows[0][0]
    assert b"Nordmann" not in rows[0][0]
