"""What a decision is made of: the moment, the rows, and no clear value in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from tests.write_model.given import COMMANDER, MONDAY, TENANT, fresh_ids
from write_model.deciding import Asked, Decider, receipts
from write_model.incident.commands import AddNote, DeclareIncident
from write_model.incident.events import IncidentDeclared, Severity
from write_model.kernel.errors import Invalid, SubjectErased
from write_model.kernel.messages import Recorded
from write_model.kernel.personal import Place, Sealed, unseal
from write_model.kernel.records import Records
from write_model.kernel.serialization import decode
from write_model.kernel.store.recorded_event import Appended
from write_model.organization.policies import OrganizationPolicies

STREAM, OTHER = UUID(int=0x51), UUID(int=0x52)
DECLARE = DeclareIncident(title="Forklift leaks oil", severity=Severity.SEV3)
SUBJECT_KEY = b"k" * 32


class NoStreams:
    """A log without an event."""

    async def newer(self, tenant: UUID, stream: UUID, *, after: int) -> Sequence[Recorded]:
        return []


@dataclass
class OneKey:
    """Everybody's key is the same; the erased have none."""

    erased: bool = False

    async def keys_for(self, tenant: UUID, subjects: frozenset[UUID]) -> Mapping[UUID, bytes]:
        if self.erased:
            raise SubjectErased
        return dict.fromkeys(subjects, SUBJECT_KEY)


@pytest.fixture
def decider() -> Decider:
    records = Records(NoStreams(), remembered=9)
    policies = OrganizationPolicies(records)
    return Decider(records, OneKey(), lambda: MONDAY, fresh_ids(), policies)


async def test_rows_carry_who_when_and_why(decider: Decider) -> None:
    earlier = MONDAY - timedelta(days=3)
    command = DECLARE.model_copy(update={"occurred_at": earlier})
    decision = await decider.decide(
        [Asked(STREAM, command)], COMMANDER, key=None, correlation=OTHER
    )
    (row,) = decision.append.rows
    assert (row.originator_id, row.originator_version) == (STREAM, 1)
    assert (row.tenant, row.actor, row.source) == (TENANT, COMMANDER.id, "api")
    assert (row.command, row.correlation) == (decision.command_id, OTHER)
    assert (row.occurred_at, row.schema_version) == (earlier, 1)
    assert row.salt is not None
    assert len(row.salt) == 16
    event = decode(row.topic, row.schema_version, row.state)
    assert isinstance(event, IncidentDeclared)


async def test_a_command_correlates_with_itself_unless_told(decider: Decider) -> None:
    decision = await decider.decide([Asked(STREAM, DECLARE)], COMMANDER, key=None, correlation=None)
    (row,) = decision.append.rows
    assert row.correlation == row.command
    assert row.occurred_at is None


async def test_nothing_happens_in_the_future(decider: Decider) -> None:
    """But clocks differ by minutes."""

    def at(moment: timedelta) -> Asked:
        return Asked(STREAM, DECLARE.model_copy(update={"occurred_at": MONDAY + moment}))

    await decider.decide([at(timedelta(minutes=5))], COMMANDER, key=None, correlation=None)
    with pytest.raises(Invalid) as refusal:
        await decider.decide([at(timedelta(minutes=6))], COMMANDER, key=None, correlation=None)
    assert refusal.value.field == "occurred_at"


async def test_nothing_happens_before_1900(decider: Decider) -> None:
    """The first hours of year 1 east of Greenwich are before any time that can be read back."""

    def at(moment: datetime) -> Asked:
        return Asked(STREAM, DECLARE.model_copy(update={"occurred_at": moment}))

    first = datetime(1900, 1, 1, tzinfo=UTC)
    await decider.decide([at(first)], COMMANDER, key=None, correlation=None)
    unreadable = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    for early in (first - timedelta(seconds=1), unreadable):
        with pytest.raises(Invalid) as refusal:
            await decider.decide([at(early)], COMMANDER, key=None, correlation=None)
        assert refusal.value.field == "occurred_at"


async def test_personal_values_are_sealed_where_they_stand(decider: Decider) -> None:
    injured = DECLARE.model_copy(update={"injured": "Ole Nordmann"})
    decision = await decider.decide(
        [Asked(STREAM, injured), Asked(OTHER, DECLARE)], COMMANDER, key=None, correlation=None
    )
    row = decision.append.rows[0]
    event = decode(row.topic, row.schema_version, row.state)
    assert isinstance(event, IncidentDeclared)
    assert isinstance(event.injured, Sealed)
    assert decision.append.subjects == (event.injured.subject,)
    place = Place(TENANT, STREAM, decision.command_id, "injured")
    assert unseal(event.injured, SUBJECT_KEY, place) == "Ole Nordmann"


async def test_nothing_is_decided_for_an_erased_person(decider: Decider) -> None:
    erased = replace(decider, keys=OneKey(erased=True))
    injured = DECLARE.model_copy(update={"injured": "Ole Nordmann"})
    with pytest.raises(SubjectErased):
        await erased.decide([Asked(STREAM, injured)], COMMANDER, key=None, correlation=None)


async def test_the_first_cause_of_a_request_is_that_of_its_append(decider: Decider) -> None:
    told = DECLARE.model_copy(update={"source": "desk", "source_key": "7"})
    decision = await decider.decide(
        [Asked(STREAM, DECLARE), Asked(OTHER, told)], COMMANDER, key=None, correlation=None
    )
    assert decision.append.cause == ("desk", "7")


async def test_a_remembered_record_is_what_the_log_will_give(decider: Decider) -> None:
    """Folded from the rows as decided, with positions and times from the verdict."""
    decision = await decider.decide(
        [Asked(STREAM, DECLARE), Asked(OTHER, DECLARE)], COMMANDER, key=None, correlation=None
    )
    verdict = Appended((7, 8), (3, 4), (1, 2), datetime(2026, 3, 2, 9, tzinfo=UTC), 1)
    first, second = after = list(decision.records_after(verdict))
    assert (first.version, first.position, first.number) == (1, 3, 1)
    assert (second.position, second.number) == (4, 2)
    assert first.state.severity is Severity.SEV3
    assert [one.created for one in receipts(decision, after)] == [True, True]


async def test_a_remembered_state_decides_without_reading(decider: Decider) -> None:
    decision = await decider.decide([Asked(STREAM, DECLARE)], COMMANDER, key=None, correlation=None)
    verdict = Appended((7,), (3,), (1,), MONDAY, 1)
    (record,) = decision.records_after(verdict)
    decider.records.remember(TENANT, STREAM, record)
    noted = await decider.decide(
        [Asked(STREAM, AddNote(text="Sand was strewn."))], COMMANDER, key=None, correlation=None
    )
    assert [row.originator_version for row in noted.append.rows] == [2]
