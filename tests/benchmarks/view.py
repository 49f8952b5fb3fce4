"""The small view that our projector and the library's runner both keep."""

from __future__ import annotations

from projections.engine import columns
from projections.engine.columns import Column
from projections.engine.projection import Primary, Row, TableSpec, Values
from write_model.incident.events import IncidentDeclared
from write_model.kernel.messages import Recorded


def _fold(row: Row | None, recorded: Recorded) -> Row:
    event = recorded.event
    if isinstance(event, IncidentDeclared):
        return {"title": event.title, "severity": event.severity, "team": event.team, "notes": 0}
    assert row is not None
    return {**row, "notes": row["notes"] + 1}


def _values(row: Row, recorded: Recorded) -> Values:
    return (
        recorded.stream,
        row["title"],
        row["severity"],
        row["team"],
        row["notes"],
        recorded.version,
    )


VIEW = Primary(
    name="incident_view",
    version=1,
    topics=("incident",),
    table=TableSpec(
        "incident_view",
        (
            Column("id", columns.UUID),
            Column("title", columns.TEXT),
            Column("severity", columns.TEXT),
            Column("team", columns.TEXT),
            Column("notes", columns.INT4),
            Column("version", columns.INT8),
        ),
    ),
    fold=_fold,
    values=_values,
    headers=(),
    values_headers=(),
)
"""What the library's view holds."""
