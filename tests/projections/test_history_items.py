"""What has happened, row by row: which fields an event changed, and the order of it all."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from pydantic_core import from_json

from projections.engine.log import Unreadable
from projections.engine.transition import Transition
from projections.history import CHANGES, INCIDENT_TIMELINE
from tests.projections.given import Given, Happening
from tests.projections.story import JONAS, MARA, MONDAY, NORTH, SOUTH, Story, stream
from tests.projections.test_incident_document import ACKNOWLEDGED, DECLARED
from tests.projections.test_people import INVITED
from write_model.incident.events import (
    IncidentAcknowledged,
    IncidentAssigned,
    NoteAdded,
    NoteRetracted,
    Severity,
    SeverityChanged,
)
from write_model.kernel.importing import ImportedFrom
from write_model.organization.events import OrganizationFounded

FIRST, SECOND = (NoteAdded(note=UUID(int=n), text=f"Note {n}") for n in (1, 2))


def test_a_change_has_the_old_and_the_new_value(given: Given) -> None:
    changes = [
        {"field": "team", "from": "Warehouse", "to": "Yard"},
        {"field": "assignee", "from": None, "to": str(JONAS)},
    ]
    item = {"type": "incident.assigned", "version": 2, "actor": str(MARA), "changes": changes}
    assigned = IncidentAssigned(team="Yard", person=JONAS)
    given(DECLARED).when(assigned).then_adds(
        CHANGES, {"type": "incident.assigned", "actor_id": MARA, "item": item}
    )


def test_the_first_event_tells_only_what_is_there(given: Given) -> None:
    fields = ("status", "title", "severity", "priority", "team", "reporter", "source", "opened_at")
    number = [{"field": field} for field in ("reference", "number")]
    changes = [*number, *({"field": field} for field in fields)]
    given().when(DECLARED).then_adds(CHANGES, {"item": {"changes": changes}})


def test_of_a_list_only_the_item_that_changed_is_told(given: Given) -> None:
    added = {"changes": [{"field": "notes", "from": None, "to": {"text": "Note 2"}}]}
    given(DECLARED, FIRST).when(SECOND).then_adds(CHANGES, {"item": added})
    change = {"field": "notes", "from": {"retracted": False}, "to": {"retracted": True}}
    retracted = NoteRetracted(note=FIRST.note)
    story = given(DECLARED, FIRST, SECOND).when(retracted)
    story.then_adds(CHANGES, {"item": {"changes": [change]}})


def test_history_says_why_where_a_reason_was_given(given: Given) -> None:
    raised = SeverityChanged(
        from_severity=Severity.SEV2, severity=Severity.SEV1, reason="The aisle is slippery"
    )
    story = given(DECLARED).when(raised)
    story.then_adds(CHANGES, {"item": {"reason": "The aisle is slippery"}})
    assert "reason" not in story.shown.rows[CHANGES.table.name][0]["item"]


def test_an_imported_event_says_what_it_stands_for(given: Given) -> None:
    origin = ImportedFrom(row=3, person=JONAS)
    imported = {"row": 3, "step": 0, "team": None, "person": str(JONAS)}
    story = given(DECLARED).when(IncidentAcknowledged(imported=origin, deviations=("review",)))
    story.then_adds(CHANGES, {"item": {"deviations": ["review"], "imported": imported}})


def test_an_event_without_a_document_tells_what_it_says(given: Given) -> None:
    founded = OrganizationFounded(name="Northern warehouses")
    change = {"field": "name", "from": None, "to": "Northern warehouses"}
    story = given().when(Happening(founded, to="north"))
    story.then_adds(CHANGES, {"item": {"changes": [change]}})


def test_a_sealed_value_travels_sealed(given: Given) -> None:
    story = given().when(Happening(INVITED, to="jonas"))
    [row] = story.shown.rows[CHANGES.table.name]
    [name] = [change["to"] for change in row["item"]["changes"] if change["field"] == "name"]
    assert (name["sealed"], name["field"]) == ("01", "name")


def test_each_organization_has_a_feed_of_its_own(given: Given) -> None:
    crane = Happening(DECLARED, to="crane", tenant=SOUTH)
    given(DECLARED, crane).when(ACKNOWLEDGED).then_adds(
        CHANGES,
        {"tenant_id": NORTH, "tenant_position": 2, "stream_id": stream("forklift"), "version": 2},
    )


def test_a_timeline_has_a_place_for_each_event_of_an_incident_and_nothing_else(
    given: Given,
) -> None:
    earlier = MONDAY - timedelta(hours=1)
    story = given(DECLARED).when(
        Happening(INVITED, to="jonas"), Happening(ACKNOWLEDGED, at=earlier)
    )
    place = {"stream_id": stream("forklift"), "occurred_at": earlier, "version": 2}
    story.then_adds(INCIDENT_TIMELINE, {**place, "tenant_position": 3})


def test_an_item_is_made_once() -> None:
    transition = Transition(None, None, Story().tell("forklift", DECLARED))
    assert transition.item() is transition.item()


def test_an_unreadable_event_is_told_without_changes() -> None:
    story = Story()
    recorded = story.tell("forklift", DECLARED)
    unreadable = recorded._replace(event=Unreadable("missing: title"))
    assert from_json(Transition(None, None, unreadable).item())["changes"] == []
