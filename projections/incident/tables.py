"""The tables that incidents fill: the document and the list's filter columns."""

from __future__ import annotations

from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

import orjson

from projections.engine import columns
from projections.engine.columns import Column
from projections.engine.projection import Mirror, Primary, Row, TableSpec, Values
from projections.incident.document import fold, people_in
from write_model.kernel.messages import Recorded

_RANKS = {None: 0, "sev1": 1, "sev2": 2, "sev3": 3, "sev4": 4}
"""What is not assessed yet comes first: it may be anything."""

ITEM = (
    "id",
    "reference",
    "number",
    "version",
    "status",
    "title",
    "severity",
    "priority",
    "impact",
    "team",
    "role",
    "assignee",
    "reporter",
    "source",
    "source_key",
    "opened_at",
    "acknowledged_at",
    "resolved_at",
    "closed_at",
    "updated_at",
    "hold_reason",
    "resolution",
    "cause_code",
    "outcome_reason",
    "merged_into",
    "reopened",
    "escalations",
    "imported_through",
    "deviations",
)
"""What a list shows of a document."""


_shown_in_lists = itemgetter(*ITEM)


def _document_values(row: Row, recorded: Recorded) -> Values:
    return (
        recorded.stream,
        recorded.tenant,
        row["number"],
        recorded.version,
        recorded.position,
        row["injured"] is not None,
        people_in(row),
        recorded.recorded_at,
        orjson.dumps(row),
    )


def _list_values(row: Row, recorded: Recorded) -> Values:
    through: dict[str, int] = row["imported_through"] or {}
    return (
        recorded.stream,
        recorded.tenant,
        row["number"],
        row["status"],
        row["severity"],
        _RANKS[row["severity"]],
        row["priority"],
        row["team"],
        row["assignee"] and UUID(row["assignee"]),
        row["source"],
        row["source_key"],
        _time(row["opened_at"]),
        _time(row["closed_at"]),
        row["reopened"],
        row["deviations"],
        through.get("row"),
        through.get("step"),
        orjson.dumps(dict(zip(ITEM, _shown_in_lists(row), strict=True))),
    )


def _time(text: Any) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


INCIDENT = Primary(
    name="incident",
    version=1,
    topics=("incident",),
    table=TableSpec(
        "incident_v1",
        (
            Column("id", columns.UUID),
            Column("tenant_id", columns.UUID),
            Column("number", columns.INT8),
            Column("version", columns.INT8),
            Column("position", columns.INT8),
            Column("is_personal", columns.BOOLEAN),
            Column("people", columns.UUIDS),
            Column("updated_at", columns.TIME),
            Column("document", columns.JSON),
        ),
    ),
    fold=fold,
    values=_document_values,
    headers=("tenant", "number", "actor", "command", "recorded_at", "occurred_at"),
)

INCIDENT_LIST = Mirror(
    name="incident_list",
    version=1,
    of="incident",
    table=TableSpec(
        "incident_list_v1",
        (
            Column("id", columns.UUID),
            Column("tenant_id", columns.UUID),
            Column("number", columns.INT8),
            Column("status", columns.TEXT),
            Column("severity", columns.TEXT),
            Column("severity_rank", columns.INT2),
            Column("priority", columns.TEXT),
            Column("team", columns.TEXT),
            Column("assignee", columns.UUID),
            Column("source", columns.TEXT),
            Column("source_key", columns.TEXT),
            Column("opened_at", columns.TIME),
            Column("closed_at", columns.TIME),
            Column("reopened", columns.INT4),
            Column("deviations", columns.TEXTS),
            Column("imported_row", columns.INT8),
            Column("imported_step", columns.INT8),
            Column("document", columns.JSON),
        ),
    ),
    values=_list_values,
)
