"""Records folded anew: what is needed for them, and what cannot be taken."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from projections.catalog import CATALOG
from projections.engine.catalog import Catalog
from projections.engine.log import Connection, Unreadable
from projections.engine.projection import Row, Values
from projections.engine.refolding import Refolding
from projections.engine.wanted import Wanted
from projections.incident.tables import INCIDENT
from tests.projections.story import Story, stream, write_log
from tests.projections.test_incident_document import DECLARED
from tests.projections.test_people import INVITED
from write_model.incident.events import IncidentAcknowledged, NoteAdded
from write_model.kernel.ids import derived_id
from write_model.kernel.messages import Recorded
from write_model.organization.events import OrganizationFounded


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (["incident"], ("incident",)),
        (["incident_list"], ("incident",)),
        (["people", "incident_timeline"], ("incident", "membership")),
        (["changes"], ()),
        (["changes", "incident"], ()),
    ],
)
def test_only_the_kinds_of_events_that_are_heard_are_read(
    names: list[str], kinds: tuple[str, ...]
) -> None:
    assert Wanted.of(CATALOG, names).kinds() == kinds


def test_a_list_is_folded_with_the_document_that_it_mirrors(log: Connection) -> None:
    story = Story()
    story.tell("forklift", DECLARED)
    write_log(log, story.events)
    refolding = Refolding.begun(log, Wanted.of(CATALOG, ["incident_list"]))
    assert refolding.add(story.events) == {}
    assert [list(tables) for tables in refolding.documents()] == [["incident_list_v1"]]
    refolding.forget()
    assert not list(refolding.documents())


def test_an_event_that_cannot_be_folded_parks_its_record_and_the_others_go_on(
    log: Connection,
) -> None:
    story = Story()
    story.tell("north", OrganizationFounded(name="Northern warehouses"))
    leak = story.tell("forklift", DECLARED)
    story.tell("jonas", INVITED)
    story.tell("forklift", IncidentAcknowledged())
    write_log(log, story.events)
    events = [*story.events]
    events[1] = leak._replace(event=Unreadable("severity: missing"))
    refolding = Refolding.begun(log, Wanted.of(CATALOG, ["people", "incident", "changes"]))
    assert len(refolding.add(events[:3])["changes_v1"]) == 3
    assert len(refolding.add(events[3:])["changes_v1"]) == 1
    tables = {name: len(rows) for each in refolding.documents() for name, rows in each.items()}
    assert tables == {"people_v1": 1}
    assert refolding.parked == {stream("forklift"): 2}
    assert [(letter[1], letter[-1]) for letter in refolding.letters] == [
        (2, "severity: missing"),
        (4, "an earlier event of this record is parked"),
    ]


def test_a_trouble_that_passes_parks_nothing_and_what_is_skipped_stays_so(
    log: Connection,
) -> None:
    story = Story()
    story.tell("forklift", DECLARED)
    skipped = story.tell("forklift", IncidentAcknowledged())
    story.tell("forklift", NoteAdded(note=derived_id("note", 1), text="It drips"))
    write_log(log, story.events)
    log.execute(
        "INSERT INTO projections.skipped (position, stream_id, tenant_id) VALUES (%s, %s, %s)",
        (skipped.position, skipped.stream, skipped.tenant),
    )
    left = [OSError("A trouble of the moment.")]

    def shown(row: Row, recorded: Recorded) -> Values:
        if left:
            raise left.pop()
        return INCIDENT.values(row, recorded)

    catalog = Catalog((replace(INCIDENT, values=shown),))
    refolding = Refolding.begun(log, Wanted.of(catalog, ["incident"]))
    refolding.add(story.events)
    [tables] = refolding.documents()
    [values] = tables["incident_v1"]
    document = orjson.loads(values[-1])
    assert (document["status"], len(document["notes"])) == ("open", 1)
    assert (refolding.parked, refolding.letters) == ({}, [])


def test_a_memory_that_is_full_parks_nothing(log: Connection) -> None:
    story = Story()
    story.tell("forklift", DECLARED)

    def fold(row: Row | None, recorded: Recorded) -> Row:
        raise MemoryError

    catalog = Catalog((replace(INCIDENT, fold=fold),))
    refolding = Refolding.begun(log, Wanted.of(catalog, ["incident"]))
    with pytest.raises(MemoryError):
        refolding.add(story.events)
    assert refolding.parked == {}


def test_what_cannot_be_shown_has_one_letter_however_often_it_is_to_be(log: Connection) -> None:
    story = Story()
    story.tell("forklift", DECLARED)
    story.tell("forklift", IncidentAcknowledged())
    story.tell("forklift", NoteAdded(note=derived_id("note", 1), text="It drips"))
    write_log(log, story.events)

    def shown(row: Row, recorded: Recorded) -> Values:
        if recorded.position > 1:
            raise RuntimeError
        return INCIDENT.values(row, recorded)

    catalog = Catalog((replace(INCIDENT, values=shown),))
    refolding = Refolding.begun(log, Wanted.of(catalog, ["incident"]))
    refolding.add(story.events)
    assert list(refolding.documents()) == list(refolding.documents())
    assert [letter[1] for letter in refolding.letters] == [2, 3]
