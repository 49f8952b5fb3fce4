"""What has happened, row by row: the feed of every change, and each incident's order of them."""

from __future__ import annotations

from projections.engine import columns
from projections.engine.columns import Column
from projections.engine.projection import Additions, TableSpec, Values
from projections.engine.transition import Transition


def _timeline_rows(transition: Transition) -> tuple[Values, ...]:
    recorded = transition.recorded
    return (
        (
            recorded.stream,
            recorded.occurred_at,
            recorded.version,
            recorded.tenant,
            recorded.tenant_position,
            recorded.position,
        ),
    )


def _change_rows(transition: Transition) -> tuple[Values, ...]:
    recorded = transition.recorded
    return (
        (
            recorded.tenant,
            recorded.tenant_position,
            recorded.position,
            recorded.stream,
            recorded.version,
            recorded.topic,
            recorded.schema_version,
            recorded.actor,
            recorded.recorded_at,
            recorded.occurred_at,
            transition.item(),
        ),
    )


INCIDENT_TIMELINE = Additions(
    name="incident_timeline",
    version=1,
    topics=("incident",),
    table=TableSpec(
        "incident_timeline_v1",
        (
            Column("stream_id", columns.UUID),
            Column("occurred_at", columns.TIME),
            Column("version", columns.INT8),
            Column("tenant_id", columns.UUID),
            Column("tenant_position", columns.INT8),
            Column("position", columns.INT8),
        ),
        is_keyed=False,
    ),
    rows=_timeline_rows,
    headers=("tenant", "tenant_position", "occurred_at"),
)

CHANGES = Additions(
    name="changes",
    version=1,
    table=TableSpec(
        "changes_v1",
        (
            Column("tenant_id", columns.UUID),
            Column("tenant_position", columns.INT8),
            Column("position", columns.INT8),
            Column("stream_id", columns.UUID),
            Column("version", columns.INT8),
            Column("type", columns.TEXT),
            Column("schema_version", columns.INT2),
            Column("actor_id", columns.UUID),
            Column("recorded_at", columns.TIME),
            Column("occurred_at", columns.TIME),
            Column("item", columns.JSON),
        ),
        is_keyed=False,
    ),
    rows=_change_rows,
    headers=(
        *("tenant", "tenant_position", "actor", "command"),
        *("recorded_at", "occurred_at", "source"),
    ),
)
