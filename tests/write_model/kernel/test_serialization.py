"""What is stored once is read forever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import from_json

from write_model.incident.events import IncidentDeclared, NoteAdded, Severity
from write_model.kernel.ids import new_id
from write_model.kernel.messages import REGISTRY, UPCASTERS, Event, event
from write_model.kernel.serialization import UnknownTopic, decode, decode_all, encode

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXTS, st.sampled_from(Severity), st.none() | TEXTS)
def test_an_event_is_read_as_it_was_written(
    title: str, severity: Severity, description: str | None
) -> None:
    declared = IncidentDeclared(
        title=title, severity=severity, reporter=new_id(), source="api", description=description
    )
    assert decode(declared.topic, declared.schema_version, encode(declared)) == declared


def test_what_is_not_said_is_not_stored() -> None:
    declared = IncidentDeclared(
        title="Oil", severity=Severity.SEV3, reporter=new_id(), source="api", description=None
    )
    assert "description" not in from_json(encode(declared))


def test_a_topic_that_nobody_knows_is_named() -> None:
    with pytest.raises(UnknownTopic, match=r"forklift\.sank"):
        decode("forklift.sank", 1, b"{}")


def test_bytes_of_another_event_are_refused() -> None:
    with pytest.raises(ValidationError):
        decode(NoteAdded.topic, NoteAdded.schema_version, b"{}")


def test_what_cannot_be_read_is_not_repeated_in_the_error() -> None:
    with pytest.raises(ValidationError) as refusal:
        decode(NoteAdded.topic, NoteAdded.schema_version, b'{"note": 7, "text": ["Ada Quist"]}')
    assert "text" in str(refusal.value)
    assert "Ada" not in str(refusal.value)


@pytest.fixture
def leaked() -> Iterator[type[Event]]:
    """An event in its third schema, with what brings the older ones up to it."""

    @event("forklift.leaked_again", schema_version=3)
    class ForkliftLeaked(Event):
        liters: float
        substance: str = "oil"

    def in_liters(fields: dict[str, Any]) -> dict[str, Any]:
        return {"liters": fields["gallons"] * 3.785}

    def with_substance(fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "substance": "hydraulic oil"}

    topic = ForkliftLeaked.topic
    UPCASTERS[topic, 1], UPCASTERS[topic, 2] = in_liters, with_substance
    yield ForkliftLeaked
    del REGISTRY[topic], UPCASTERS[topic, 1], UPCASTERS[topic, 2]


@pytest.mark.parametrize(
    ("version", "stored", "fields"),
    [
        (1, b'{"gallons":2}', {"liters": 7.57, "substance": "hydraulic oil"}),
        (2, b'{"liters":4}', {"liters": 4.0, "substance": "hydraulic oil"}),
        (3, b'{"liters":5}', {"liters": 5.0, "substance": "oil"}),
    ],
)
def test_older_schemas_are_brought_up_step_by_step(
    leaked: type[Event], version: int, stored: bytes, fields: dict[str, Any]
) -> None:
    assert decode(leaked.topic, version, stored) == leaked(**fields)
    together = b"[" + stored + b"," + stored + b"]"
    assert decode_all(leaked.topic, version, together) == [leaked(**fields)] * 2


def test_what_cannot_be_brought_up_to_the_present_schema_is_not_this_event(
    leaked: type[Event],
) -> None:
    for stored in (b'{"pints":9}', b"7"):
        with pytest.raises(ValueError, match="of schema 1"):
            decode(leaked.topic, 1, stored)
        with pytest.raises(ValueError, match="of schema 1"):
            decode_all(leaked.topic, 1, b"[" + stored + b"]")


def test_events_of_one_kind_are_read_together() -> None:
    events: list[Event] = [NoteAdded(note=new_id(), text=text) for text in ("It drips", "[],{}")]
    stored = b"[" + b",".join(map(encode, events)) + b"]"
    assert decode_all(NoteAdded.topic, NoteAdded.schema_version, stored) == events
    with pytest.raises(UnknownTopic):
        decode_all("forklift.sank", 1, b"[]")
    with pytest.raises(ValueError, match="text"):
        decode_all(NoteAdded.topic, NoteAdded.schema_version, b'[{"note": 7}]')
