"""What the projector knows without asking: bounded, and nothing of what is parked."""

from __future__ import annotations

from projections.catalog import CATALOG
from projections.engine.log import Connection
from projections.engine.memory import Memory
from tests.projections.story import Story, stream
from tests.projections.test_incident_document import DECLARED
from write_model.incident.events import IncidentAcknowledged
from write_model.kernel.messages import Recorded


def acknowledged(*names: str) -> list[Recorded]:
    story = Story()
    for name in names:
        story.tell(name, DECLARED)
    return [story.tell(name, IncidentAcknowledged()) for name in names]


def remembered(memory: Memory, *names: str) -> set[int]:
    known, _ = memory.remembered(acknowledged(*names), {})
    return set(known)


def ids(*names: str) -> set[int]:
    return {stream(name).int for name in names}


def test_the_rows_of_the_last_batches_are_remembered_and_older_ones_forgotten(
    log: Connection,
) -> None:
    memory = Memory(log, CATALOG, at_most=4)
    for name in ("forklift", "crane", "press", "ramp", "dock", "scale", "lift"):
        memory.remember({stream(name).int: {"id": name}})
    every = ("forklift", "crane", "press", "ramp", "dock", "scale", "lift")
    assert remembered(memory, *every) == ids("ramp", "dock", "scale", "lift")


def test_a_row_that_is_being_written_is_newer_than_the_one_remembered(log: Connection) -> None:
    memory = Memory(log, CATALOG, at_most=4)
    forklift = stream("forklift").int
    memory.remember({forklift: {"version": 1}})
    known, _ = memory.remembered(acknowledged("forklift"), {forklift: {"version": 2}})
    assert known == {forklift: {"version": 2}}


def test_only_records_begun_earlier_and_not_parked_are_missing(log: Connection) -> None:
    memory = Memory(log, CATALOG, at_most=4)
    memory.remember({stream("forklift").int: {"id": "forklift"}})
    memory.park(stream("forklift"), 2)
    begun = Story().tell("press", DECLARED)
    known, missing = memory.remembered([begun, *acknowledged("forklift", "crane")], {})
    assert known == {}
    assert missing == {"incident_v1": {stream("crane")}}
