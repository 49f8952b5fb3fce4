"""The words by which an incident is found: of its title, description, resolution and notes."""

from __future__ import annotations

from projections.engine import columns
from projections.engine.columns import Column
from projections.engine.projection import Mirror, Row, TableSpec, Values
from read_model.words import folded
from write_model.kernel.messages import Recorded

_AT_MOST_BYTES = 200_000
"""Postgres refuses more than 1 MB of words, and a text may come to 3.5 times its size there: each
part of a compound is a word too, with its place."""


def _values(row: Row, recorded: Recorded) -> Values:
    return recorded.stream, recorded.tenant, _text(row)


def _text(row: Row) -> str:
    """What does not fit is cut off at the end, where the oldest notes are."""
    notes = [note["text"] for note in reversed(row["notes"]) if not note["retracted"]]
    texts = (row["title"], row["resolution"], row["description"], *notes)
    text = folded("\n".join(text for text in texts if text))
    return text.encode()[:_AT_MOST_BYTES].decode(errors="ignore")


INCIDENT_SEARCH = Mirror(
    name="incident_search",
    version=1,
    of="incident",
    of_fields=("title", "description", "resolution", "notes"),
    table=TableSpec(
        "incident_search_v1",
        (
            Column("id", columns.UUID),
            Column("tenant_id", columns.UUID),
            Column("text", columns.TEXT),
        ),
        generated=(Column("words", columns.TSVECTOR),),
    ),
    values=_values,
)
