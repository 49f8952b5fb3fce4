"""Whole histories: decided as the door decides, written at once, and never twice."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.write_model.given import COMMANDER, TENANT
from write_model.application import WriteModel
from write_model.histories import Histories, Told
from write_model.incident.commands import (
    AcknowledgeIncident,
    AddNote,
    DeclareIncident,
    IncidentCommand,
    MergeIncident,
    ReleaseIncident,
    ReportIncident,
)
from write_model.incident.events import Severity, Status
from write_model.incident.incident import INCIDENT
from write_model.kernel.access import Role
from write_model.kernel.errors import Conflict, IllegalTransition
from write_model.kernel.ids import derived_id, new_id
from write_model.kernel.importing import ImportedFrom
from write_model.kernel.personal import Sealed
from write_model.kernel.settings import Settings
from write_model.opening import opened

IMPORTER = replace(COMMANDER, roles=frozenset({Role.SERVICE}), source="import")
BEGAN = datetime(2024, 3, 4, 6, tzinfo=UTC)
STREAM = derived_id("incident", TENANT, "demo", "FL-7")


def declared(key: str = "FL-7", injured: str | None = None) -> DeclareIncident:
    return DeclareIncident(
        title="The forklift leaks oil",
        severity=Severity.SEV3,
        source="demo",
        source_key=key,
        occurred_at=BEGAN,
        imported=ImportedFrom(row=1),
        injured=injured,
    )


def acknowledged(row: int = 2) -> AcknowledgeIncident:
    return AcknowledgeIncident(
        occurred_at=BEGAN + timedelta(hours=row), imported=ImportedFrom(row=row)
    )


def released() -> ReleaseIncident:
    return ReleaseIncident(team="Garage 1", imported=ImportedFrom(row=3))


HISTORY: list[IncidentCommand] = [declared(), acknowledged(), released()]


@pytest.fixture
async def door(settings: Settings) -> AsyncGenerator[WriteModel]:
    async with opened(settings) as parts:
        yield parts.write_model


@pytest.fixture
def histories(door: WriteModel) -> Histories:
    return Histories(door.log, door.records, door.decider)


async def test_each_command_is_decided_on_what_the_one_before_it_left(
    histories: Histories, door: WriteModel
) -> None:
    assert await histories.tell([HISTORY], by=IMPORTER) == [Told(3, 3)]
    events = await door.reader.newer(TENANT, STREAM, after=0)
    assert [event.topic for event in events] == [
        "incident.declared",
        "incident.acknowledged",
        "incident.released",
    ]
    assert [event.occurred_at for event in events[:2]] == [BEGAN, BEGAN + timedelta(hours=2)]
    assert len({event.command for event in events}) == 3
    assert {(event.actor, event.source) for event in events} == {(IMPORTER.id, "import")}
    incident, version = await door.state(TENANT, STREAM, INCIDENT)
    assert (incident.status, version) == (Status.OPEN, 3)


async def test_several_histories_go_in_at_once_and_are_numbered(
    histories: Histories, door: WriteModel
) -> None:
    told = await histories.tell([HISTORY, [declared("FL-8")]], by=IMPORTER)
    assert told == [Told(3, 3), Told(1, 4)]
    assert await door.stream_of(TENANT, "incident", 2) == derived_id(
        "incident", TENANT, "demo", "FL-8"
    )


async def test_a_history_that_is_known_changes_nothing(histories: Histories) -> None:
    await histories.tell([HISTORY], by=IMPORTER)
    assert await histories.tell([HISTORY], by=IMPORTER) == [Told(0, 3)]


async def test_a_history_that_was_told_half_way_is_told_to_its_end(
    histories: Histories, door: WriteModel
) -> None:
    receipt = await door.start(HISTORY[0], by=IMPORTER)
    await door.handle(receipt.stream, HISTORY[1], by=IMPORTER)
    assert await histories.tell([HISTORY], by=IMPORTER) == [Told(1, 3)]


async def test_of_a_refused_history_nothing_is_written(
    histories: Histories, door: WriteModel
) -> None:
    with pytest.raises(IllegalTransition):
        await histories.tell([[declared(), released()]], by=IMPORTER)
    assert await door.state(TENANT, STREAM, INCIDENT) == (INCIDENT.empty, 0)


async def test_who_was_hurt_is_sealed_in_a_history_too(
    histories: Histories, door: WriteModel
) -> None:
    await histories.tell([[declared(injured="Jonas Reyes"), acknowledged()]], by=IMPORTER)
    begun, _ = await door.reader.newer(TENANT, STREAM, after=0)
    assert isinstance(getattr(begun.event, "injured", None), Sealed)


async def test_a_cause_that_names_another_record_is_a_conflict(
    histories: Histories, door: WriteModel
) -> None:
    triaged = await door.start(ReportIncident(title="Oil under a forklift"), by=COMMANDER)
    live = declared().model_copy(update={"imported": None})
    await door.handle(triaged.stream, live, by=COMMANDER)
    with pytest.raises(Conflict):
        await histories.tell([HISTORY], by=IMPORTER)


async def test_a_history_begins_with_its_cause_and_stays_with_its_record(
    histories: Histories,
) -> None:
    note = AddNote(text="Sand laid out", imported=ImportedFrom(row=1))
    with pytest.raises(ValueError, match="has a cause"):
        await histories.tell([[note]], by=IMPORTER)
    merged = MergeIncident(into=new_id(), imported=ImportedFrom(row=2))
    with pytest.raises(ValueError, match="needs the append lock"):
        await histories.tell([[declared(), merged]], by=IMPORTER)
