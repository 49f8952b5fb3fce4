"""The log read column by column: the same events, and a header that was not read is no None."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from operator import attrgetter, eq
from typing import Any

import pytest

from projections.catalog import CATALOG
from projections.engine.blocks import NOT_READ, Blocks, NotRead
from projections.engine.catalog import Catalog
from projections.engine.folding import Batch
from projections.engine.log import Connection, Unreadable
from projections.engine.projection import EVERY_HEADER, Header, Row
from projections.engine.refolding import Refolding
from projections.engine.sending import Sender
from projections.engine.wanted import Wanted
from projections.incident.tables import INCIDENT
from tests.projections.story import Story, write_log
from tests.projections.test_incident_document import DECLARED
from tests.projections.test_projector import told
from tests.write_model.test_golden import EVENTS, golden
from write_model.incident.events import NoteAdded
from write_model.kernel.ids import derived_id
from write_model.kernel.messages import Recorded
from write_model.kernel.serialization import decode, encode

READABLE = encode(NoteAdded(note=derived_id("note"), text="It drips")).decode()
BEGINNINGS = ("incident.declared", "membership.invited")
"""No record goes on without one of them."""


def note(text: str) -> NoteAdded:
    return NoteAdded(note=derived_id("note", text), text=text)


def read(
    log: Connection, *, after: int, through: int, headers: Collection[Header] = EVERY_HEADER
) -> list[Recorded]:
    blocks = Blocks(log, headers)
    rows = Sender(log).ask(blocks.between(after, through))
    return blocks.ordered(rows, after=after, through=through)


@pytest.mark.parametrize(("after", "through"), [(0, 13), (0, 40), (4, 9), (13, 13)])
def test_a_range_is_read_in_order_with_every_header(
    log: Connection, after: int, through: int
) -> None:
    events = told().events
    write_log(log, events)
    assert read(log, after=after, through=through) == events[after:through]


def test_events_are_read_by_their_positions(log: Connection) -> None:
    events = told().events
    write_log(log, events)
    assert Blocks(log).at([7, 2]) == {2: events[1], 7: events[6]}


@pytest.mark.parametrize(
    "state",
    [
        '{"text": "It drips"}',
        '{"note": 7, "text": "It drips"',
        "",
        "null",
        # Two where there should be one: each can be read, but whose are they?
        f"{READABLE},{READABLE}",
    ],
)
def test_what_cannot_be_read_is_alone_in_that(log: Connection, state: str) -> None:
    story = Story()
    story.tell("forklift", DECLARED)
    for text in ("It drips", "It leaks", "It is dry"):
        story.tell("forklift", note(text))
    write_log(log, story.events)
    log.execute("SET session_replication_role = replica")
    log.execute("UPDATE log.events SET state = %s WHERE notification_id = 3", (state.encode(),))
    one, two, three, four = read(log, after=0, through=4)
    assert (one, two, four) == (story.events[0], story.events[1], story.events[3])
    assert isinstance(three.event, Unreadable)
    assert three._replace(event=None) == story.events[2]._replace(event=None)  # type: ignore[arg-type]


def everything() -> list[Recorded]:
    """Every event with every field that it may have, and without what is said of imported ones."""
    story = Story()
    for topic, known in sorted(EVENTS.items(), key=lambda each: each[0] not in BEGINNINGS):
        stored = golden(topic, known.schema_version)
        event: Any = decode(topic, known.schema_version, stored)
        story.tell(topic.partition(".")[0], event)
        if hasattr(event, "imported"):
            story.tell(topic.partition(".")[0], replace(event, imported=None))
    return story.events


def folded(wanted: Wanted, events: list[Recorded]) -> tuple[object, object]:
    batch = Batch(wanted.catalog, {})
    batch.fold(events)
    return batch.rows, batch.additions()


@pytest.mark.parametrize("name", [projection.name for projection in CATALOG.projections])
def test_no_projection_uses_a_header_that_it_does_not_declare(name: str) -> None:
    wanted = Wanted.of(CATALOG, [name])
    left_out = {header: NOT_READ for header in EVERY_HEADER if header not in wanted.headers()}
    assert left_out
    full = everything()
    lean = [recorded._replace(**left_out) for recorded in full]
    assert folded(wanted, lean) == folded(wanted, full)


USES: list[Callable[[Any], object]] = [
    *(str, bool, hash, "{}".format),
    *(attrgetter("int"), partial(eq, "Mara")),
]


@pytest.mark.parametrize("use", USES)
def test_whoever_uses_a_header_that_was_not_read_is_told_what_to_do(
    log: Connection, use: Callable[[Any], object]
) -> None:
    """Rather than having all records parked."""

    def fold(row: Row | None, recorded: Recorded) -> Row:
        return {"by": use(recorded.actor)}

    write_log(log, told().events)
    only_tenants: tuple[Header, ...] = ("tenant",)
    incident = replace(INCIDENT, fold=fold, headers=only_tenants)
    wanted = Wanted.of(Catalog((incident,)), ["incident"])
    events = read(log, after=0, through=13, headers=wanted.headers())
    with pytest.raises(NotRead, match="`headers`"):
        Refolding.begun(log, wanted).add(events)
