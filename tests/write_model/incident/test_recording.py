"""What becomes known of an incident is written down, also after its end."""

from __future__ import annotations

from uuid import UUID

import pytest
from pydantic import ValidationError

from tests.write_model.given import COMMANDER, MONDAY, fresh_id, given, happened
from tests.write_model.incident.forklift import (
    ACKNOWLEDGED,
    COLLEAGUE,
    DECLARED,
    IMPORTER,
    RESOLVED,
    RESPONDER,
    ROAD_TO,
    TASK,
    TASK_ADDED,
)
from write_model.incident.commands import (
    AddNote,
    AddTask,
    AmendIncident,
    AttachEvidence,
    CompleteTask,
    DescribeIncident,
    LinkIncident,
    RecordSlaBreach,
    RetractNote,
    SetImpact,
    WaiveTask,
)
from write_model.incident.events import (
    AmendableField,
    EvidenceAttached,
    IncidentAmended,
    IncidentDescribed,
    IncidentImpactSet,
    IncidentLinked,
    IncidentReopened,
    NoteAdded,
    NoteRetracted,
    SlaBreached,
    Status,
    TaskAdded,
    TaskCompleted,
    TaskWaived,
)
from write_model.incident.incident import INCIDENT
from write_model.incident.notes import author_of
from write_model.kernel.access import system_actor
from write_model.kernel.errors import Forbidden, IllegalTransition, Invalid, NotFound
from write_model.kernel.importing import ImportedFrom
from write_model.kernel.personal import Clear

DIGEST = "ab" * 32
NOTE = UUID(int=0x90)
NOTED = happened(NoteAdded(note=NOTE, text="The floor is dry"), by=RESPONDER)
BREACH = RecordSlaBreach(timer="resolve", generation=1)
TIMER = system_actor()


def test_a_description_is_put_right() -> None:
    command = DescribeIncident(description="Hydraulic oil, half a liter")
    described = IncidentDescribed(description="Hydraulic oil, half a liter")
    given(DECLARED).when(command, by=RESPONDER).then(described)


def test_a_description_says_something() -> None:
    given(DECLARED).when(DescribeIncident(), by=RESPONDER).then_refused(Invalid)


def test_the_impact_names_an_injured_person_only_under_seal() -> None:
    command = SetImpact(impact="Aisle 4 is closed", injured="Jo Byrne")
    injured = Clear(fresh_id(1), "Jo Byrne")
    given(DECLARED).when(command, by=RESPONDER).then(
        IncidentImpactSet(impact="Aisle 4 is closed", injured=injured)
    )


def test_a_link_points_to_what_belongs_to_it() -> None:
    linked = IncidentLinked(link=fresh_id(1), kind="relates_to", target="INC-7")
    given(DECLARED).when(LinkIncident(target="INC-7"), by=RESPONDER).then(linked)


@pytest.mark.parametrize("target", ["INC-7", "https://example.com/a:b", "mailto:ole@example.com"])
def test_a_link_points_to_records_and_addresses(target: str) -> None:
    assert LinkIncident(target=f" {target} ").target == target


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", " JaVaScript:x", "java\nscript:x", "data:text/html,x", ":x"]
)
def test_a_link_never_runs_anything(target: str) -> None:
    with pytest.raises(ValidationError, match="target"):
        LinkIncident(target=target)


def test_evidence_is_attached_with_its_digest() -> None:
    command = AttachEvidence(
        object_key="photos/1", sha256=DIGEST.upper(), size=9, media_type="image/png"
    )
    attached = EvidenceAttached(
        evidence=fresh_id(1), object_key="photos/1", sha256=DIGEST, size=9, media_type="image/png"
    )
    given(DECLARED).when(command, by=RESPONDER).then(attached)


@pytest.mark.parametrize("wrong", [{"sha256": "ab"}, {"size": -1}, {"media_type": "png"}])
def test_evidence_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    fields = {"object_key": "k", "sha256": DIGEST, "size": 9, "media_type": "image/png"}
    with pytest.raises(ValidationError):
        AttachEvidence.model_validate(fields | wrong)


def test_a_task_is_added_and_completed() -> None:
    command = AddTask(title="Spread absorbent", assignee=COLLEAGUE.id)
    added = TaskAdded(task=fresh_id(1), title="Spread absorbent", assignee=COLLEAGUE.id)
    given(DECLARED).when(command, by=RESPONDER).then(added)
    completed = TaskCompleted(task=TASK)
    given(DECLARED, TASK_ADDED).when(CompleteTask(task=TASK), by=COLLEAGUE).then(completed)


def test_a_task_is_waived_for_a_reason() -> None:
    waived = TaskWaived(task=TASK, reason="Dry by itself")
    command = WaiveTask(task=TASK, reason="Dry by itself")
    given(DECLARED, TASK_ADDED).when(command, by=RESPONDER).then(waived)


def test_a_task_is_settled_once() -> None:
    settled = given(DECLARED, TASK_ADDED, TaskCompleted(task=TASK))
    settled.when(WaiveTask(task=TASK, reason="Late")).then_refused(IllegalTransition, "already")


def test_an_unknown_task_is_not_found() -> None:
    given(DECLARED).when(CompleteTask(task=TASK)).then_refused(NotFound, "task")


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.NONE])
def test_notes_are_added_in_every_status(status: Status) -> None:
    noted = NoteAdded(note=fresh_id(1), text="The floor is dry")
    given(*ROAD_TO[status]).when(AddNote(text="The floor is dry"), by=RESPONDER).then(noted)


def test_a_note_is_retracted_by_its_author_or_a_commander() -> None:
    retracted = NoteRetracted(note=NOTE)
    for person in (RESPONDER, COMMANDER):
        given(DECLARED, NOTED).when(RetractNote(note=NOTE), by=person).then(retracted)


def test_others_do_not_retract_it() -> None:
    given(DECLARED, NOTED).when(RetractNote(note=NOTE), by=COLLEAGUE).then_refused(Forbidden)


def test_a_note_is_retracted_once() -> None:
    history = given(DECLARED, NOTED, NoteRetracted(note=NOTE))
    history.when(RetractNote(note=NOTE), by=RESPONDER).then_refused(NotFound, "note")


def test_other_notes_stand_when_one_is_retracted() -> None:
    other = happened(NoteAdded(note=TASK, text="Other"), by=COLLEAGUE)
    incident = given(DECLARED, NOTED, other, NoteRetracted(note=NOTE)).state(INCIDENT)
    assert author_of(incident.notes, TASK) == COLLEAGUE.id


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "Forklift 3 leaks oil"),
        ("severity", "sev2"),
        ("occurred_at", "2026-03-01T08:00:00Z"),
        ("source_status", "Completed / Closed"),
    ],
)
def test_an_ended_incident_is_amended(field: AmendableField, value: str) -> None:
    command = AmendIncident(field=field, value=value, reason="Seen on the photo")
    amended = IncidentAmended(field=field, value=value, reason="Seen on the photo")
    given(*ROAD_TO[Status.CLOSED]).when(command).then(amended)
    assert given(*ROAD_TO[Status.CLOSED], amended).state(INCIDENT).amended == {field: value}


@pytest.mark.parametrize(
    ("field", "value"),
    [("title", "x" * 301), ("severity", "sev9"), ("occurred_at", "yesterday")],
)
def test_an_amendment_fits_its_field(field: AmendableField, value: str) -> None:
    command = AmendIncident(field=field, value=value, reason="Wrong")
    refusal = given(*ROAD_TO[Status.CLOSED]).when(command).then_refused(Invalid, field)
    assert refusal.field == "value"


def test_a_running_clock_is_breached() -> None:
    given(DECLARED).when(BREACH, by=TIMER).then(SlaBreached(timer="resolve", generation=1))


def test_a_breach_is_recorded_once() -> None:
    breached = SlaBreached(timer="resolve", generation=1)
    given(DECLARED, breached).when(BREACH, by=TIMER).then_nothing()


def test_each_clock_is_breached_on_its_own() -> None:
    other_clock = SlaBreached(timer="acknowledge", generation=1)
    given(DECLARED, other_clock).when(BREACH, by=TIMER).then(
        SlaBreached(timer="resolve", generation=1)
    )


def test_clocks_that_began_anew_are_breached_again() -> None:
    breached = SlaBreached(timer="resolve", generation=1)
    reopened = IncidentReopened(from_status=Status.RESOLVED, reason="Again")
    again = RecordSlaBreach(timer="resolve", generation=2)
    given(DECLARED, breached, RESOLVED, reopened).when(again, by=TIMER).then(
        SlaBreached(timer="resolve", generation=2)
    )


def test_a_timer_set_before_the_clocks_restarted_says_nothing() -> None:
    reopened = IncidentReopened(from_status=Status.RESOLVED, reason="Again")
    given(*ROAD_TO[Status.RESOLVED], reopened).when(BREACH, by=TIMER).then_nothing()


def test_an_acknowledged_incident_breaches_no_acknowledge_clock() -> None:
    late = RecordSlaBreach(timer="acknowledge", generation=1)
    given(DECLARED, ACKNOWLEDGED).when(late, by=TIMER).then_nothing()
    given(DECLARED).when(late, by=TIMER).then(SlaBreached(timer="acknowledge", generation=1))


def test_a_reopened_incident_is_to_be_acknowledged_again() -> None:
    reopened = IncidentReopened(from_status=Status.RESOLVED, reason="Again")
    late = RecordSlaBreach(timer="acknowledge", generation=2)
    history = given(DECLARED, ACKNOWLEDGED, RESOLVED, reopened)
    history.when(late, by=TIMER).then(SlaBreached(timer="acknowledge", generation=2))


def test_nobody_but_the_product_records_a_breach() -> None:
    given(DECLARED).when(BREACH, by=COMMANDER, at=MONDAY).then_refused(Forbidden)
    told = BREACH.model_copy(update={"imported": ImportedFrom(row=1)})
    given(DECLARED).when(told, by=IMPORTER).then_refused(Forbidden)
