"""The ready document of an incident: given its events, what GET shows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic_core import from_json, to_json

from projections.engine.projection import Row
from projections.incident.document import fold, people_in
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
from write_model.kernel.messages import Event
from write_model.kernel.personal import Clear, Sealed

DECLARED = IncidentDeclared(
    title="The forklift leaks oil",
    severity=Severity.SEV2,
    reporter=MARA,
    source="console",
    priority=Priority.HIGH,
    team="Warehouse",
)
ID = UUID(int=7)


def shown(*events: Event) -> Row:
    story = Story()
    row = None
    for event in events:
        row = fold(row, story.tell("forklift", event))
    assert row is not None
    assert from_json(to_json(row)) == row, "what is read back from the table must be the same"
    return row


def part(row: Row, *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def test_a_declared_incident_is_open_and_numbered() -> None:
    row = shown(DECLARED)
    assert part(row, "reference", "number", "version", "status") == ("INC-1", 1, 1, "open")
    assert part(row, "severity", "priority", "team") == ("sev2", "high", "Warehouse")
    assert row["opened_at"] == row["updated_at"] == "2026-02-02T08:01:00Z"


def test_a_report_waits_in_triage_and_keeps_its_opening_when_declared() -> None:
    reported = IncidentReported(title="Oil", reporter=JONAS, source="phone", team="Yard")
    assert part(shown(reported), "status", "severity") == ("triage", None)
    row = shown(
        reported,
        IncidentDeclared(title="Oil", severity=Severity.SEV1, reporter=JONAS, source="phone"),
    )
    assert part(row, "status", "team", "opened_at") == ("open", "Yard", "2026-02-02T08:01:00Z")


def test_what_a_declaration_leaves_out_stays_as_reported() -> None:
    reported = IncidentReported(
        title="Oil", reporter=JONAS, source="phone", description="A pool", priority=Priority.HIGH
    )
    declared = IncidentDeclared(title="Oil", severity=Severity.SEV1, reporter=JONAS, source="phone")
    row = shown(reported, declared)
    assert part(row, "description", "priority") == ("A pool", "high")


def test_a_report_may_be_dismissed() -> None:
    reported = IncidentReported(title="Oil", reporter=JONAS, source="phone")
    row = shown(reported, IncidentDismissed(reason="It was water"))
    assert part(row, "status", "outcome_reason") == ("dismissed", "It was water")


def test_only_the_first_acknowledgement_since_the_opening_counts() -> None:
    row = shown(DECLARED, IncidentAcknowledged(), IncidentReleased(), IncidentAcknowledged())
    assert part(row, "status", "acknowledged_at") == ("in_progress", "2026-02-02T08:02:00Z")


def test_an_assignment_changes_what_it_names_and_a_release_takes_the_person_off() -> None:
    assigned = shown(DECLARED, IncidentAssigned(role="mechanic", person=JONAS))
    assert part(assigned, "team", "role", "assignee") == ("Warehouse", "mechanic", str(JONAS))
    released = shown(DECLARED, IncidentAssigned(person=JONAS), IncidentReleased(team="Yard"))
    assert part(released, "team", "assignee", "status") == ("Yard", None, "open")


def test_a_hold_has_a_reason_until_it_ends() -> None:
    held = IncidentPutOnHold(reason=HoldReason.AWAITING_VENDOR)
    row = shown(DECLARED, IncidentAcknowledged(), held)
    assert part(row, "status", "hold_reason") == ("on_hold", "awaiting_vendor")
    row = shown(DECLARED, IncidentAcknowledged(), held, IncidentResumed(to_status=Status.MITIGATED))
    assert part(row, "status", "hold_reason") == ("mitigated", None)


def test_holds_add_up_by_reason_and_the_present_one_begins_when_it_began() -> None:
    """An event is told every minute; a note does not end a hold."""
    vendor = IncidentPutOnHold(reason=HoldReason.AWAITING_VENDOR)
    note = NoteAdded(note=ID, text="Sand")
    held = (DECLARED, vendor, note, IncidentPutOnHold(reason=HoldReason.OTHER), IncidentReleased())
    assert shown(*held[:3])["held_since"] == "2026-02-02T08:02:00Z"
    assert shown(*held[:4])["held_seconds"] == {"awaiting_vendor": 120.0}
    row = shown(*held, vendor, IncidentResolved(resolution="Sealed"))
    assert part(row, "held_since", "held_seconds") == (
        None,
        {"awaiting_vendor": 180.0, "other": 60.0},
    )


def test_time_on_hold_is_business_time_to_the_microsecond() -> None:
    story, row = Story(), None
    vendor = IncidentPutOnHold(reason=HoldReason.AWAITING_VENDOR)
    for seconds, event in (
        (0, DECLARED),
        (0.1, vendor),
        (0.3, vendor),
        (1_000_000.000_001, vendor),
    ):
        occurred = MONDAY + timedelta(seconds=seconds)
        row = fold(row, story.tell("forklift", event, occurred=occurred))
    assert row is not None
    assert row["held_seconds"] == {"awaiting_vendor": 999_999.900_001}


def test_reopening_takes_back_the_acknowledgement_but_not_the_first_one() -> None:
    reopened = IncidentReopened(from_status=Status.RESOLVED, reason="It drips")
    acknowledged = (DECLARED, IncidentAcknowledged(), IncidentResolved(resolution="Sealed"))
    row = shown(*acknowledged, reopened)
    assert part(row, "acknowledged_at", "first_acknowledged_at") == (None, "2026-02-02T08:02:00Z")
    row = shown(*acknowledged, reopened, IncidentAcknowledged())
    assert row["first_acknowledged_at"] == "2026-02-02T08:02:00Z"


def test_a_resolved_incident_says_how_it_ended() -> None:
    resolved = IncidentResolved(resolution="The seal was replaced", cause_code="wear")
    row = shown(
        DECLARED, IncidentMitigated(), resolved, ReviewWaived(reason="Known"), IncidentClosed()
    )
    assert part(row, "status", "resolution", "cause_code", "review_waived") == (
        "closed",
        "The seal was replaced",
        "wear",
        "Known",
    )
    assert part(row, "resolved_at", "closed_at") == ("2026-02-02T08:03:00Z", "2026-02-02T08:05:00Z")


def test_reopening_empties_what_the_ending_said() -> None:
    ended = IncidentAcknowledged(), IncidentResolved(resolution="Wiped up"), IncidentClosed()
    row = shown(DECLARED, *ended, IncidentReopened(from_status=Status.CLOSED, reason="It drips"))
    assert part(row, "status", "reopened", "resolution") == ("open", 1, None)
    assert part(row, "acknowledged_at", "resolved_at", "closed_at") == (None, None, None)


def test_a_cancelled_and_a_merged_incident_say_why() -> None:
    cancelled = shown(DECLARED, IncidentCancelled(reason="A drill"))
    assert part(cancelled, "status", "outcome_reason") == ("cancelled", "A drill")
    merged = shown(DECLARED, IncidentMerged(into=ID))
    assert part(merged, "status", "merged_into") == ("merged", str(ID))


def test_descriptions_severity_and_escalations_are_shown() -> None:
    row = shown(
        DECLARED,
        IncidentDescribed(description="Under gate 4"),
        SeverityChanged(from_severity=Severity.SEV2, severity=Severity.SEV1, reason="It spreads"),
        IncidentEscalated(reason="Nobody answers"),
    )
    assert part(row, "title", "description") == ("The forklift leaks oil", "Under gate 4")
    assert part(row, "severity", "escalations") == ("sev1", 1)


def test_a_retracted_note_stays_and_says_so() -> None:
    other = NoteAdded(note=UUID(int=8), text="Sand is on the way")
    row = shown(DECLARED, NoteAdded(note=ID, text="No oil"), other, NoteRetracted(note=ID))
    first, second = row["notes"]
    assert part(first, "text", "retracted", "author") == ("No oil", True, str(MARA))
    assert second["retracted"] is False


def test_tasks_are_open_until_they_are_done_or_waived() -> None:
    added = TaskAdded(task=ID, title="Find the leak", assignee=JONAS)
    [task] = shown(DECLARED, added)["tasks"]
    assert part(task, "status", "assignee") == ("open", str(JONAS))
    [task] = shown(DECLARED, added, TaskCompleted(task=ID))["tasks"]
    assert task["status"] == "done"
    [task] = shown(DECLARED, TaskAdded(task=ID, title="x"), TaskWaived(task=ID, reason="n/a"))[
        "tasks"
    ]
    assert part(task, "status", "reason", "assignee") == ("waived", "n/a", None)


def test_links_evidence_and_breaches_are_listed() -> None:
    evidence = EvidenceAttached(
        evidence=ID, object_key="photos/1", sha256="ab" * 32, size=9, media_type="image/jpeg"
    )
    row = shown(
        DECLARED,
        IncidentLinked(link=ID, kind="relates_to", target="INC-7"),
        evidence,
        SlaBreached(timer="acknowledge", generation=1),
    )
    assert [link["target"] for link in row["links"]] == ["INC-7"]
    assert [item["size"] for item in row["evidence"]] == [9]
    assert [breach["timer"] for breach in row["sla_breaches"]] == ["acknowledge"]


def test_an_amendment_stands_beside_the_original() -> None:
    amended = IncidentAmended(field="title", value="The lift leaks oil", reason="Wrong vehicle")
    row = shown(DECLARED, IncidentCancelled(reason="A drill"), amended)
    assert row["title"] == "The forklift leaks oil"
    assert part(row["amended"]["title"], "value", "reason") == (
        "The lift leaks oil",
        "Wrong vehicle",
    )


def test_the_injured_person_travels_sealed_with_the_place_where_he_was_named() -> None:
    sealed = Sealed(JONAS, b"s" * 16, b"\x01\x02", b"c" * 32)
    row = shown(DECLARED, IncidentImpactSet(impact="A sprained ankle", injured=sealed))
    assert row["injured"]["sealed"] == "0102"
    assert row["injured"]["field"] == "injured"
    kept = shown(
        DECLARED,
        IncidentImpactSet(impact="x", injured=sealed),
        IncidentImpactSet(impact="Two days off"),
    )
    assert part(kept, "impact") == ("Two days off",)
    assert kept["injured"] is not None


def test_a_clear_value_is_never_shown() -> None:
    row = shown(DECLARED, IncidentImpactSet(impact="x", injured=Clear(JONAS, "Jonas")))
    assert row["injured"] is None


def test_any_imported_event_says_who_has_the_incident_and_how_far_the_old_log_was_told() -> None:
    origin = ImportedFrom(row=12, step=1, team="V5 3rd", person=JONAS)
    row = shown(DECLARED, IncidentAcknowledged(imported=origin, deviations=("four_eyes",)))
    assert part(row, "team", "assignee") == ("V5 3rd", str(JONAS))
    assert part(row, "imported_through", "deviations") == ({"row": 12, "step": 1}, ["four_eyes"])
    row = shown(DECLARED, IncidentAssigned(person=MARA, imported=ImportedFrom(row=13)))
    assert part(row, "team", "assignee") == ("Warehouse", str(MARA))
    note = NoteAdded(note=ID, text="old", imported=origin)
    assert shown(DECLARED, note)["notes"][0]["author"] == str(JONAS)


def test_business_times_are_when_it_happened_and_the_update_when_it_was_recorded() -> None:
    story = Story()
    row = fold(None, story.tell("forklift", DECLARED, occurred=MONDAY - timedelta(days=3)))
    assert part(row, "opened_at", "updated_at") == ("2026-01-30T08:00:00Z", "2026-02-02T08:01:00Z")


def test_the_people_named_in_a_document_are_known() -> None:
    row = shown(
        DECLARED,
        TaskAdded(task=ID, title="Find it", assignee=JONAS),
        NoteAdded(note=ID, text="Sand"),
    )
    assert people_in(row) == sorted([str(MARA), str(JONAS)])
