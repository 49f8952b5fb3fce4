"""Imported history states what happened: it is stamped, noted where it breaks rules, and once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.write_model.given import COMMANDER, MONDAY, given, happened
from tests.write_model.incident.forklift import (
    ACKNOWLEDGED,
    CLOSED,
    COLLEAGUE,
    DECLARED,
    GRAVELY_DECLARED,
    IMPORTER,
    RESOLVED,
    RESPONDER,
    TASK_ADDED,
)
from write_model.incident.commands import (
    AcknowledgeIncident,
    AssignIncident,
    CloseIncident,
    DeclareIncident,
    ReleaseIncident,
    ReopenIncident,
    ResolveIncident,
    ResumeIncident,
)
from write_model.incident.events import (
    IncidentAssigned,
    IncidentReleased,
    IncidentReopened,
    Severity,
    Status,
)
from write_model.incident.incident import INCIDENT
from write_model.kernel.errors import Forbidden, IllegalTransition
from write_model.kernel.importing import ImportedFrom

ROW = ImportedFrom(row=4, step=1, team="Maintenance", person=RESPONDER.id)
EARLIER_STEP = ImportedFrom(row=4, team="Maintenance", person=RESPONDER.id)


@pytest.mark.parametrize(
    "beyond",
    [
        {"row": 2**31},
        {"row": 4, "step": 2**31},
        {"row": 4, "team": "x" * 201},
        {"row": 4, "team": "Main\x00tenance"},
        {"row": 4, "team": "Main\ud800tenance"},
    ],
    ids=["row", "step", "team", "nul", "surrogate"],
)
def test_a_row_that_no_table_can_hold_is_refused(beyond: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AcknowledgeIncident.model_validate({"imported": beyond})


def test_the_largest_row_is_taken() -> None:
    largest = {"row": 2**31 - 1, "step": 2**31 - 1, "team": "x" * 200}
    assert AcknowledgeIncident.model_validate({"imported": largest}).imported is not None


def test_the_row_stands_on_the_event() -> None:
    command = AcknowledgeIncident(imported=ROW)
    given(DECLARED).when(command, by=IMPORTER).then(replace(ACKNOWLEDGED, imported=ROW))


def test_the_person_of_the_row_is_who_did_it() -> None:
    command = DeclareIncident(title=DECLARED.title, severity=Severity.SEV3, imported=ROW)
    declared = replace(DECLARED, imported=ROW, reporter=RESPONDER.id)
    given().when(command, by=IMPORTER).then(declared)
    resolved = given(DECLARED, happened(replace(RESOLVED, imported=ROW), by=IMPORTER))
    assert resolved.state(INCIDENT).resolvers == {RESPONDER.id}


def test_a_row_without_a_person_is_the_importers() -> None:
    nobody = ImportedFrom(row=1)
    incident = given(DECLARED, happened(replace(RESOLVED, imported=nobody), by=IMPORTER))
    assert incident.state(INCIDENT).resolvers == {IMPORTER.id}


def test_any_row_says_whose_the_incident_is() -> None:
    incident = given(DECLARED, replace(ACKNOWLEDGED, imported=ROW)).state(INCIDENT)
    assert (incident.team, incident.assignee) == ("Maintenance", RESPONDER.id)
    assert incident.imported_through == ROW


def test_a_row_that_names_nobody_leaves_it_as_it_was() -> None:
    history = (DECLARED, replace(ACKNOWLEDGED, imported=ROW))
    after = replace(IncidentAssigned(role="lead"), imported=ImportedFrom(row=5))
    incident = given(*history, after).state(INCIDENT)
    assert (incident.team, incident.assignee) == ("Maintenance", RESPONDER.id)


def test_a_released_row_names_who_released_it() -> None:
    released = replace(IncidentReleased(), imported=ROW)
    assert given(DECLARED, ACKNOWLEDGED, released).state(INCIDENT).assignee == RESPONDER.id


def test_an_imported_assignment_is_its_row() -> None:
    assigned = replace(IncidentAssigned(), imported=ROW)
    given(DECLARED).when(AssignIncident(imported=ROW), by=IMPORTER).then(assigned)


@pytest.mark.parametrize("row", [ROW, EARLIER_STEP, ImportedFrom(row=3, step=9)])
def test_a_row_is_imported_once(row: ImportedFrom) -> None:
    history = given(DECLARED, replace(ACKNOWLEDGED, imported=ROW))
    history.when(ReleaseIncident(imported=row), by=IMPORTER).then_nothing()


@pytest.mark.parametrize(
    "row", [ImportedFrom(row=4, step=2, person=COLLEAGUE.id), ImportedFrom(row=5)]
)
def test_later_rows_follow(row: ImportedFrom) -> None:
    history = given(DECLARED, replace(ACKNOWLEDGED, imported=ROW))
    released = replace(IncidentReleased(), imported=row)
    history.when(ReleaseIncident(imported=row), by=IMPORTER).then(released)


def test_only_an_import_sends_rows_and_it_sends_nothing_else() -> None:
    rows = given(DECLARED)
    rows.when(AcknowledgeIncident(imported=ROW), by=COMMANDER).then_refused(Forbidden, "import")
    rows.when(AcknowledgeIncident(), by=IMPORTER).then_refused(Forbidden, "import")


def test_an_import_needs_its_permission() -> None:
    responder = replace(RESPONDER, source="import")
    asked = given(DECLARED).when(AcknowledgeIncident(imported=ROW), by=responder)
    asked.then_refused(Forbidden, "records.import")


def test_transitions_bind_imports_too() -> None:
    asked = given(DECLARED).when(ResumeIncident(imported=ROW), by=IMPORTER)
    asked.then_refused(IllegalTransition)


def test_open_tasks_of_an_imported_resolution_are_noted() -> None:
    command = ResolveIncident(resolution="Seal replaced", cause_code="wear", imported=ROW)
    resolved = replace(RESOLVED, imported=ROW, deviations=("open_tasks",))
    given(DECLARED, TASK_ADDED).when(command, by=IMPORTER).then(resolved)


def test_a_missing_review_and_a_missing_pair_of_eyes_are_noted() -> None:
    resolved = happened(RESOLVED, by=RESPONDER)
    closed = replace(CLOSED, imported=ROW, deviations=("review_required", "sole_resolver"))
    given(GRAVELY_DECLARED, resolved).when(CloseIncident(imported=ROW), by=IMPORTER).then(closed)


@pytest.mark.parametrize(
    ("days", "noted"),
    [(7, None), (8, ("late_reopen",)), (31, ("reopen_window", "late_reopen"))],
)
def test_late_reopenings_are_noted_by_the_time_they_happened(
    days: int, noted: tuple[str, ...] | None
) -> None:
    command = ReopenIncident(reason="It leaks again", imported=ROW)
    reopened = IncidentReopened(
        from_status=Status.CLOSED, reason="It leaks again", imported=ROW, deviations=noted
    )
    years_later = MONDAY + timedelta(days=2_000)
    then = MONDAY + timedelta(days=days)
    asked = given(DECLARED, RESOLVED, CLOSED).when(
        command, by=IMPORTER, at=years_later, said_at=then
    )
    asked.then(reopened)


@pytest.mark.parametrize("row", [b'{"row":true}', b'{"row":1,"step":false}', b'{"row":"1"}'])
def test_a_row_and_its_step_are_whole_numbers_and_nothing_like_them(row: bytes) -> None:
    with pytest.raises(ValueError, match="valid integer"):
        TypeAdapter(ImportedFrom).validate_json(row)
