"""Every version of every event that was ever stored can still be read.

A file holds the bytes as the log holds them. When an event gets a new version its old files stay,
and one for the new version joins them.
"""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest
from pydantic_core import from_json

from write_model.kernel.messages import REGISTRY, Event
from write_model.kernel.serialization import decode, encode

GOLDEN = Path(__file__).parent / "golden"
WRITE_MODEL = Path(__file__).parents[2] / "write_model"

for module in WRITE_MODEL.glob("*/events.py"):
    import_module(f"write_model.{module.parent.name}.events")

EVENTS: dict[str, type[Event]] = {
    topic: known for topic, known in REGISTRY.items() if known.__module__.startswith("write_model.")
}
VERSIONS = [
    (topic, version)
    for topic, known in sorted(EVENTS.items())
    for version in range(1, known.schema_version + 1)
]


def golden(topic: str, version: int) -> bytes:
    return (GOLDEN / f"{topic}.v{version}.json").read_bytes().rstrip(b"\n")


@pytest.mark.parametrize(("topic", "version"), VERSIONS)
def test_a_stored_event_is_read_and_written_as_ever(topic: str, version: int) -> None:
    event = decode(topic, version, golden(topic, version))
    assert type(event) is EVENTS[topic]
    if version == EVENTS[topic].schema_version:
        assert encode(event) == golden(topic, version)


@pytest.mark.parametrize("topic", sorted(EVENTS))
def test_the_golden_file_shows_every_field(topic: str) -> None:
    known = EVENTS[topic]
    stored = from_json(golden(topic, known.schema_version))
    assert set(stored) == {field.name for field in fields(known)}  # type: ignore[arg-type]  # `event` made it a dataclass


def test_no_stored_topic_was_given_up() -> None:
    stored = {tuple(path.name.removesuffix(".json").rsplit(".v", 1)) for path in GOLDEN.iterdir()}
    assert stored == {(topic, str(version)) for topic, version in VERSIONS}
