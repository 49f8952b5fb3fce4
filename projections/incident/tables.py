"""The tables that incidents fill: the document, the list's filter columns and their versions."""

from __future__ import annotations

from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

import orjson

from projections.engine import columns
from projections.engine.columns import Column
from projections.engine.projection import Additions, Mirror, Primary, Row, TableSpec, Values
from projections.engine.transition import Transition
from projections.incident.document import fold, people_in
from read_model.queries.list_asked import FIELDS
from write_model.kernel.messages import Recorded

_RANKS = {None: 0, "sev1": 1, "sev2": 2, "sev3": 3, "sev4": 4}
"""What is not assessed yet comes first: it may be anything."""

_shown_in_lists = itemgetter(*FIELDS)
_changeable = itemgetter(
    "status",
    "severity",
    "priority",
    "team",
    "assignee",
    "source",
    "source_key",
    "closed_at",
    "reopened",
    "deviations",
)
"""What lists are filtered, sorted or counted by, but for what never changes."""


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
        *_listed_by(row),
        through.get("row"),
        through.get("step"),
        orjson.dumps(item(row)),
    )


def item(row: Row) -> Row:
    """What a list shows of a document."""
    return dict(zip(FIELDS, _shown_in_lists(row), strict=True))


def _version_rows(transition: Transition) -> tuple[Values, ...]:
    before, after, recorded = transition.before, transition.after, transition.recorded
    if after is None or (before is not None and _changeable(before) == _changeable(after)):
        return ()
    begun = recorded.stream, recorded.tenant, recorded.tenant_position, recorded.position
    return ((*begun, *_listed_by(after)),)


def _listed_by(row: Row) -> Values:
    return (
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
    )


def _time(text: Any) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


_LISTED_BY = (
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
)
"""As `_listed_by` fills them."""

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
            *_LISTED_BY,
            Column("imported_row", columns.INT8),
            Column("imported_step", columns.INT8),
            Column("document", columns.JSON),
        ),
    ),
    values=_list_values,
)

INCIDENT_VERSIONS = Additions(
    name="incident_versions",
    version=1,
    topics=("incident",),
    table=TableSpec(
        "incident_versions_v1",
        (
            Column("stream_id", columns.UUID),
            Column("tenant_id", columns.UUID),
            Column("tenant_position", columns.INT8),
            Column("position", columns.INT8),
            *_LISTED_BY,
        ),
        is_keyed=False,
    ),
    rows=_version_rows,
    headers=("tenant", "tenant_position"),
)
