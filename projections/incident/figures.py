"""What is measured of each incident: how long it took, what it waited for, and when it was opened.

Times are business time (`occurred_at`), as the document has them; spans are microseconds.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from projections.engine import columns
from projections.engine.columns import Column
from projections.engine.projection import Mirror, Row, TableSpec, Values
from projections.incident.holding import microseconds
from write_model.incident.events import HoldReason
from write_model.kernel.messages import Recorded

_OPEN = frozenset({"triage", "open", "in_progress", "on_hold", "mitigated"})
_MICROSECOND = timedelta(microseconds=1)
_REASONS = tuple(reason.value for reason in HoldReason)


def _figures(row: Row, recorded: Recorded) -> Values:
    opened_at = datetime.fromisoformat(row["opened_at"])
    return (
        recorded.stream,
        recorded.tenant,
        row["status"],
        row["status"] in _OPEN,
        row["severity"],
        row["priority"],
        row["team"],
        row["source"],
        opened_at,
        _microseconds_between(opened_at, row["first_acknowledged_at"]),
        _microseconds_between(opened_at, row["resolved_at"]),
        row["reopened"],
        row["hold_reason"],
        row["held_since"] and datetime.fromisoformat(row["held_since"]),
        *_held_us(row),
    )


def _microseconds_between(opened_at: datetime, then: str | None) -> int | None:
    return None if then is None else (datetime.fromisoformat(then) - opened_at) // _MICROSECOND


def _held_us(row: Row) -> tuple[int | None, ...]:
    seconds = row["held_seconds"]
    if not seconds:
        return _NEVER_HELD
    return tuple(microseconds(seconds[each]) if each in seconds else None for each in _REASONS)


_NEVER_HELD = (None,) * len(_REASONS)

INCIDENT_FIGURES = Mirror(
    name="incident_figures",
    version=1,
    of="incident",
    table=TableSpec(
        "incident_figures_v1",
        (
            Column("id", columns.UUID),
            Column("tenant_id", columns.UUID),
            Column("status", columns.TEXT),
            Column("is_open", columns.BOOLEAN),
            Column("severity", columns.TEXT),
            Column("priority", columns.TEXT),
            Column("team", columns.TEXT),
            Column("source", columns.TEXT),
            Column("opened_at", columns.TIME),
            Column("acknowledge_us", columns.INT8),
            Column("resolve_us", columns.INT8),
            Column("reopened", columns.INT4),
            Column("hold_reason", columns.TEXT),
            Column("held_since", columns.TIME),
            *(Column(f"held_{reason}_us", columns.INT8) for reason in _REASONS),
        ),
    ),
    values=_figures,
)
