"""What is shown of an incident: the ready document of GET, and the row that lists go by."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from projections.incident.document import fold
from projections.incident.tables import INCIDENT, INCIDENT_LIST
from tests.projections.given import Given, Happening
from tests.projections.story import JONAS, MARA, MONDAY, Story
from write_model.incident.events import (
    EvidenceAttached,
    HoldReason,
    IncidentAcknowledged,
    IncidentAmended,
    IncidentAssigned,
    IncidentCancelled,
    IncidentClosed,
    IncidentDeclared,
    IncidentDescribed,
    IncidentDismissed,
    IncidentEscalated,
    IncidentImpactSet,
    IncidentLinked,
    IncidentMerged,
    IncidentMitigated,
    IncidentPutOnHold,
    IncidentReleased,
    IncidentReopened,
    IncidentReported,
    IncidentResolved,
    IncidentResumed,
    NoteAdded,
    NoteRetracted,
    Priority,
    ReviewWaived,
    Severity,
    SeverityChanged,
    SlaBreached,
    Status,
    TaskAdded,
    TaskCompleted,
    TaskWaived,
)
from write_model.kernel.importing import ImportedFrom
from write_model.kernel.personal import Clear, Sealed

DECLARED = IncidentDeclared(
    title="The forklift leaks oil",
    severity=Severity.SEV2,
    reporter=MARA,
    source="console",
    priority=Priority.HIGH,
    team="Warehouse",
)
REPORTED = IncidentReported(
    title="Oil", reporter=JONAS, source="phone", description="A pool", team="Yard"
)
ACKNOWLEDGED = IncidentAcknowledged()
RESOLVED = IncidentResolved(resolution="The seal was replaced", cause_code="wear")
ID = UUID(int=7)


def test_a_declared_incident_is_open_and_numbered(given: Given) -> None:
    given().when(DECLARED).then_document(
        reference="INC-1",
        number=1,
        version=1,
        status="open",
        severity="sev2",
        priority="high",
        team="Warehouse",
        opened_at="2026-02-02T08:01:00Z",
        updated_at="2026-02-02T08:01:00Z",
    ).then_row(INCIDENT_LIST, status="open", severity_rank=2, assignee=None, closed_at=None)


def test_a_report_waits_in_triage_before_everything_that_is_assessed(given: Given) -> None:
    reported = given().when(REPORTED)
    reported.then_document(status="triage", severity=None)
    reported.then_row(INCIDENT_LIST, severity=None, severity_rank=0)


def test_a_report_keeps_its_opening_and_what_its_declaration_leaves_out(given: Given) -> None:
    declared = IncidentDeclared(title="Oil", severity=Severity.SEV1, reporter=JONAS, source="phone")
    given(replace(REPORTED, priority=Priority.HIGH)).when(declared).then_document(
        status="open",
        team="Yard",
        description="A pool",
        priority="high",
        opened_at="2026-02-02T08:01:00Z",
    )


def test_a_report_may_be_dismissed(given: Given) -> None:
    dismissed = IncidentDismissed(reason="It was water")
    story = given(REPORTED).when(dismissed)
    story.then_document(status="dismissed", outcome_reason="It was water")


def test_only_the_first_acknowledgement_since_the_opening_counts(given: Given) -> None:
    story = given(DECLARED, ACKNOWLEDGED, IncidentReleased()).when(ACKNOWLEDGED)
    story.then_document(status="in_progress", acknowledged_at="2026-02-02T08:02:00Z")


def test_an_assignment_changes_what_it_names(given: Given) -> None:
    story = given(DECLARED).when(IncidentAssigned(role="mechanic", person=JONAS))
    story.then_document(team="Warehouse", role="mechanic", assignee=str(JONAS))
    story.then_row(INCIDENT_LIST, team="Warehouse", assignee=JONAS)


def test_a_release_takes_the_person_off(given: Given) -> None:
    story = given(DECLARED, IncidentAssigned(person=JONAS)).when(IncidentReleased(team="Yard"))
    story.then_document(team="Yard", assignee=None, status="open")


def test_a_hold_has_a_reason_until_it_ends(given: Given) -> None:
    held = IncidentPutOnHold(reason=HoldReason.AWAITING_VENDOR)
    story = given(DECLARED, ACKNOWLEDGED).when(held)
    story.then_document(status="on_hold", hold_reason="awaiting_vendor")
    story = given(DECLARED, ACKNOWLEDGED, held).when(IncidentResumed(to_status=Status.MITIGATED))
    story.then_document(status="mitigated", hold_reason=None)


VENDOR = IncidentPutOnHold(reason=HoldReason.AWAITING_VENDOR)


def test_holds_add_up_by_reason_and_the_present_one_begins_when_it_began(given: Given) -> None:
    """An event is told every minute; a note does not end a hold."""
    note, other = NoteAdded(note=ID, text="Sand"), IncidentPutOnHold(reason=HoldReason.OTHER)
    held = given(DECLARED, VENDOR).when(note)
    held.then_document(held_since="2026-02-02T08:02:00Z")
    held = given(DECLARED, VENDOR, note).when(other)
    held.then_document(held_seconds={"awaiting_vendor": 120.0})
    resolved = given(DECLARED, VENDOR, note, other, IncidentReleased(), VENDOR).when(RESOLVED)
    resolved.then_document(held_since=None, held_seconds={"awaiting_vendor": 180.0, "other": 60.0})


def test_time_on_hold_is_business_time_to_the_microsecond(given: Given) -> None:
    begun, *again = (
        Happening(VENDOR, at=MONDAY + timedelta(seconds=seconds))
        for seconds in (0.1, 0.3, 1_000_000.000_001)
    )
    story = given(Happening(DECLARED, at=MONDAY), begun).when(*again)
    story.then_document(held_seconds={"awaiting_vendor": 999_999.900_001})


def test_reopening_takes_back_the_acknowledgement_but_not_the_first_one(given: Given) -> None:
    reopened = IncidentReopened(from_status=Status.RESOLVED, reason="It drips")
    first = "2026-02-02T08:02:00Z"
    story = given(DECLARED, ACKNOWLEDGED, RESOLVED).when(reopened)
    story.then_document(acknowledged_at=None, first_acknowledged_at=first)
    story = given(DECLARED, ACKNOWLEDGED, RESOLVED, reopened).when(ACKNOWLEDGED)
    story.then_document(first_acknowledged_at=first)


def test_a_resolved_incident_says_how_it_ended(given: Given) -> None:
    waived = ReviewWaived(reason="Known")
    story = given(DECLARED, IncidentMitigated(), RESOLVED, waived).when(IncidentClosed())
    story.then_document(
        status="closed",
        resolution="The seal was replaced",
        cause_code="wear",
        review_waived="Known",
        resolved_at="2026-02-02T08:03:00Z",
        closed_at="2026-02-02T08:05:00Z",
    ).then_row(INCIDENT_LIST, status="closed", closed_at=MONDAY + timedelta(minutes=5))


def test_reopening_empties_what_the_ending_said(given: Given) -> None:
    reopened = IncidentReopened(from_status=Status.CLOSED, reason="It drips")
    given(DECLARED, ACKNOWLEDGED, RESOLVED, IncidentClosed()).when(reopened).then_document(
        status="open",
        reopened=1,
        resolution=None,
        cause_code=None,
        acknowledged_at=None,
        resolved_at=None,
        closed_at=None,
    ).then_row(INCIDENT_LIST, reopened=1, closed_at=None)


def test_a_cancelled_and_a_merged_incident_say_why(given: Given) -> None:
    cancelled = given(DECLARED).when(IncidentCancelled(reason="A drill"))
    cancelled.then_document(status="cancelled", outcome_reason="A drill")
    merged = given(DECLARED).when(IncidentMerged(into=ID))
    merged.then_document(status="merged", merged_into=str(ID))


def test_descriptions_severity_and_escalations_are_shown(given: Given) -> None:
    raised = SeverityChanged(
        from_severity=Severity.SEV2, severity=Severity.SEV1, reason="It spreads"
    )
    described = IncidentDescribed(description="Under gate 4")
    given(DECLARED).when(
        described, raised, IncidentEscalated(reason="Nobody answers")
    ).then_document(
        title="The forklift leaks oil", description="Under gate 4", severity="sev1", escalations=1
    ).then_row(INCIDENT_LIST, severity="sev1", severity_rank=1)


def test_a_retracted_note_stays_and_says_so(given: Given) -> None:
    notes = NoteAdded(note=ID, text="No oil"), NoteAdded(note=UUID(int=8), text="Sand is coming")
    given(DECLARED, *notes).when(NoteRetracted(note=ID)).then_document(
        notes=[
            {"text": "No oil", "retracted": True, "author": str(MARA)},
            {"text": "Sand is coming", "retracted": False},
        ]
    )


def test_tasks_are_open_until_they_are_done_or_waived(given: Given) -> None:
    added = TaskAdded(task=ID, title="Find the leak", assignee=JONAS)
    given(DECLARED).when(added).then_document(tasks=[{"status": "open", "assignee": str(JONAS)}])
    given(DECLARED, added).when(TaskCompleted(task=ID)).then_document(tasks=[{"status": "done"}])
    waived = TaskWaived(task=ID, reason="n/a")
    story = given(DECLARED, TaskAdded(task=ID, title="Strew sand")).when(waived)
    story.then_document(tasks=[{"status": "waived", "reason": "n/a", "assignee": None}])


def test_links_evidence_and_breaches_are_listed(given: Given) -> None:
    photo = EvidenceAttached(
        evidence=ID, object_key="photos/1", sha256="ab" * 32, size=9, media_type="image/jpeg"
    )
    linked = IncidentLinked(link=ID, kind="relates_to", target="INC-7")
    story = given(DECLARED).when(linked, photo, SlaBreached(timer="acknowledge", generation=1))
    story.then_document(
        links=[{"target": "INC-7"}],
        evidence=[{"size": 9}],
        sla_breaches=[{"timer": "acknowledge"}],
    )


def test_an_amendment_stands_beside_the_original(given: Given) -> None:
    amended = IncidentAmended(field="title", value="The lift leaks oil", reason="Wrong vehicle")
    given(DECLARED, IncidentCancelled(reason="A drill")).when(amended).then_document(
        title="The forklift leaks oil",
        amended={"title": {"value": "The lift leaks oil", "reason": "Wrong vehicle"}},
    )


def test_the_injured_person_travels_sealed_with_the_place_where_he_was_named(given: Given) -> None:
    sealed = Sealed(JONAS, b"s" * 16, b"\x01\x02", b"c" * 32)
    named = IncidentImpactSet(impact="A sprained ankle", injured=sealed)
    story = given(DECLARED).when(named, IncidentImpactSet(impact="Two days off"))
    story.then_document(impact="Two days off", injured={"sealed": "0102", "field": "injured"})
    story.then_row(INCIDENT, is_personal=True)


def test_a_clear_value_is_never_shown() -> None:
    named = IncidentImpactSet(impact="x", injured=Clear(JONAS, "Jonas"))
    story = Story()
    row = fold(fold(None, story.tell("forklift", DECLARED)), story.tell("forklift", named))
    assert row["injured"] is None


def test_any_imported_event_says_who_has_the_incident_and_how_far_the_old_log_was_told(
    given: Given,
) -> None:
    origin = ImportedFrom(row=12, step=1, team="V5 3rd", person=JONAS)
    acknowledged = IncidentAcknowledged(imported=origin, deviations=("four_eyes",))
    given(DECLARED).when(acknowledged).then_document(
        team="V5 3rd",
        assignee=str(JONAS),
        imported_through={"row": 12, "step": 1},
        deviations=["four_eyes"],
    ).then_row(
        INCIDENT_LIST,
        team="V5 3rd",
        assignee=JONAS,
        deviations=["four_eyes"],
        imported_row=12,
        imported_step=1,
    )
    assigned = IncidentAssigned(person=MARA, imported=ImportedFrom(row=13))
    given(DECLARED).when(assigned).then_document(team="Warehouse", assignee=str(MARA))
    note = NoteAdded(note=ID, text="old", imported=origin)
    given(DECLARED).when(note).then_document(notes=[{"author": str(JONAS)}])


def test_business_times_are_when_it_happened_and_the_update_when_it_was_recorded(
    given: Given,
) -> None:
    friday = MONDAY - timedelta(days=3)
    given().when(Happening(DECLARED, at=friday)).then_document(
        opened_at="2026-01-30T08:00:00Z", updated_at="2026-02-02T08:01:00Z"
    ).then_row(INCIDENT_LIST, opened_at=friday)


def test_the_people_named_in_a_document_are_known(given: Given) -> None:
    task = TaskAdded(task=ID, title="Find it", assignee=JONAS)
    story = given(DECLARED).when(task, NoteAdded(note=ID, text="Sand"))
    story.then_row(INCIDENT, people=sorted([str(MARA), str(JONAS)]), is_personal=False)
