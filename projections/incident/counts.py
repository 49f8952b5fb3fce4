"""How many incidents there are by status, severity and team."""

from __future__ import annotations

from uuid import UUID

from projections.engine import columns
from projections.engine.columns import Column
from projections.engine.projection import Row, TableSpec, Tally, Values


def _keys(row: Row, tenant: UUID) -> tuple[Values, ...]:
    return ((tenant, row["status"], row["severity"] or "", row["team"] or ""),)


INCIDENT_COUNTS = Tally(
    name="incident_counts",
    version=1,
    of="incident",
    table=TableSpec(
        "incident_counts_v1",
        (
            Column("tenant_id", columns.UUID),
            Column("status", columns.TEXT),
            Column("severity", columns.TEXT),
            Column("team", columns.TEXT),
            Column("count", columns.INT8),
        ),
        is_keyed=False,
        is_counted=True,
    ),
    keys=_keys,
)
"""An empty text stands for no severity, or no team."""
