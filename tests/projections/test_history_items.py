"""What history says of an event: which fields changed, from what, to what."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic_core import from_json

from projections.engine.log import Unreadable
from projections.engine.transition import Transition
from projections.incident.document import fold
from tests.projections.story import JONAS, MARA, Story
from tests.projections.test_incident_document import DECLARED
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
from write_model.kernel.messages import Event
from write_model.organization.events import OrganizationFounded


def item_of(*events: Event) -> dict[str, Any]:
    story = Story()
    before = after = None
    for event in events:
        before, after = after, fold(after, story.tell("forklift", event))
    item: dict[str, Any] = from_json(Transition(before, after, story.events[-1]).item())
    return item


def test_a_change_has_the_old_and_the_new_value() -> None:
    item = item_of(DECLARED, IncidentAssigned(team="Yard", person=JONAS))
    assert item["changes"] == [
        {"field": "team", "from": "Warehouse", "to": "Yard"},
        {"field": "assignee", "from": None, "to": str(JONAS)},
    ]
    assert (item["type"], item["version"], item["actor"]) == ("incident.assigned", 2, str(MARA))


def test_the_first_event_tells_only_what_is_there() -> None:
    fields = [change["field"] for change in item_of(DECLARED)["changes"]]
    assert "title" in fields
    assert not {"notes", "reopened", "amended", "version", "id", "description"} & set(fields)


def test_of_a_list_only_the_item_that_changed_is_told() -> None:
    first, second = (NoteAdded(note=UUID(int=n), text=f"Note {n}") for n in (1, 2))
    [added] = item_of(DECLARED, first, second)["changes"]
    assert (added["from"], added["to"]["text"]) == (None, "Note 2")
    [retracted] = item_of(DECLARED, first, second, NoteRetracted(note=UUID(int=1)))["changes"]
    assert (retracted["from"]["retracted"], retracted["to"]["retracted"]) == (False, True)


def test_history_says_why_where_a_reason_was_given() -> None:
    raised = SeverityChanged(
        from_severity=Severity.SEV2, severity=Severity.SEV1, reason="The aisle is slippery"
    )
    assert item_of(DECLARED, raised)["reason"] == "The aisle is slippery"
    assert "reason" not in item_of(DECLARED)


def test_an_imported_event_says_what_it_stands_for() -> None:
    origin = ImportedFrom(row=3, person=JONAS)
    item = item_of(DECLARED, IncidentAcknowledged(imported=origin, deviations=("review",)))
    assert item["deviations"] == ["review"]
    assert item["imported"] == {"row": 3, "step": 0, "team": None, "person": str(JONAS)}


def test_an_event_without_a_document_tells_what_it_says() -> None:
    recorded = Story().tell("organization", OrganizationFounded(name="Northern warehouses"))
    transition = Transition(None, None, recorded)
    assert from_json(transition.item())["changes"] == [
        {"field": "name", "from": None, "to": "Northern warehouses"}
    ]
    assert transition.item() is transition.item()


def test_a_sealed_value_travels_sealed() -> None:
    item = from_json(Transition(None, None, Story().tell("jonas", INVITED)).item())
    [name] = [change["to"] for change in item["changes"] if change["field"] == "name"]
    assert (name["sealed"], name["field"]) == ("01", "name")


def test_an_unreadable_event_is_told_without_changes() -> None:
    story = Story()
    recorded = story.tell("forklift", DECLARED)
    unreadable = recorded._replace(event=Unreadable("missing: title"))
    assert from_json(Transition(None, None, unreadable).item())["changes"] == []
