"""A batch folded in memory: events in, rows out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from projections.engine import columns
from projections.engine.catalog import Catalog
from projections.engine.columns import Column
from projections.engine.folding import Batch
from projections.engine.projection import Mirror, Row, TableSpec, Values
from projections.engine.transition import Transition
from projections.history import CHANGES, INCIDENT_TIMELINE
from projections.incident.tables import INCIDENT
from tests.projections.story import Story, stream
from tests.projections.test_incident_document import ACKNOWLEDGED, DECLARED, RESOLVED
from write_model.kernel.messages import Recorded
from write_model.organization.events import OrganizationFounded

FORKLIFT = stream("forklift")


def ending(row: Row, recorded: Recorded) -> Values:
    return recorded.stream, row["resolution"], row["cause_code"]


ENDINGS = Mirror(
    name="endings",
    version=1,
    of="incident",
    of_fields=("resolution", "cause_code"),
    table=TableSpec(
        "endings_v1",
        (
            Column("id", columns.UUID),
            Column("resolution", columns.TEXT),
            Column("cause_code", columns.TEXT),
        ),
    ),
    values=ending,
)


def endings(known: Mapping[int, Row], *events: Recorded) -> tuple[list[Values], dict[int, Row]]:
    """The rows that a batch writes, and the documents after it."""
    batch = Batch(Catalog((INCIDENT, ENDINGS)), known)
    batch.fold(events)
    return batch.tables(events)["endings_v1"], batch.rows


def test_a_projection_alone_writes_a_row_for_each_record_that_it_heard_of() -> None:
    story = Story()
    story.tell("north", OrganizationFounded(name="Northern warehouses"))
    story.tell("forklift", DECLARED)
    story.tell("forklift", ACKNOWLEDGED)
    batch = Batch(Catalog((INCIDENT,)), known={})
    batch.fold(story.events)
    [row] = batch.tables(story.events).pop("incident_v1")
    assert row[0] == FORKLIFT
    assert batch.rows[FORKLIFT.int]["status"] == "in_progress"


def test_a_mirror_writes_a_row_at_first_and_when_what_it_shows_has_changed() -> None:
    story = Story()
    written, known = endings({}, story.tell("forklift", DECLARED))
    assert written == [(FORKLIFT, None, None)]
    written, known = endings(known, story.tell("forklift", ACKNOWLEDGED))
    assert written == []
    written, known = endings(
        known, story.tell("forklift", RESOLVED), story.tell("forklift", ACKNOWLEDGED)
    )
    assert written == [(FORKLIFT, "The seal was replaced", "wear")]


def test_of_an_event_that_additions_refuse_nothing_is_kept() -> None:
    def rows(transition: Transition) -> tuple[Values, ...]:
        if transition.recorded.position == 2:
            raise RuntimeError("It is not to be told.")
        return CHANGES.rows(transition)

    story = Story()
    story.tell("forklift", DECLARED)
    story.tell("forklift", ACKNOWLEDGED)
    batch = Batch(Catalog((INCIDENT, INCIDENT_TIMELINE, replace(CHANGES, rows=rows))), known={})
    with pytest.raises(RuntimeError):
        batch.fold(story.events)
    assert batch.rows[FORKLIFT.int]["status"] == "open"
    assert {name: len(rows) for name, rows in batch.tables(story.events).items()} == {
        "incident_v1": 1,
        "incident_timeline_v1": 1,
        "changes_v1": 1,
    }
