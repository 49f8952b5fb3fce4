"""A batch folded in memory: events in, rows out."""

from __future__ import annotations

from projections.engine.catalog import Catalog
from projections.engine.folding import Batch
from projections.incident.tables import INCIDENT
from tests.projections.story import Story, stream
from tests.projections.test_incident_document import DECLARED
from write_model.incident.events import IncidentAcknowledged
from write_model.organization.events import OrganizationFounded


def test_a_projection_alone_writes_a_row_for_each_record_that_it_heard_of() -> None:
    story = Story()
    story.tell("north", OrganizationFounded(name="Northern warehouses"))
    story.tell("forklift", DECLARED)
    story.tell("forklift", IncidentAcknowledged())
    batch = Batch(Catalog((INCIDENT,)), known={})
    batch.fold(story.events)
    [row] = batch.tables(story.events).pop("incident_v1")
    assert row[0] == stream("forklift")
    assert batch.rows[stream("forklift").int]["status"] == "in_progress"
