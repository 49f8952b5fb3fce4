"""What may be asked of the list of incidents."""

from __future__ import annotations

from read_model.queries.asking import Allowed
from read_model.queries.list_page import SORTS
from write_model.incident.events import Priority, Severity, Status

FIELDS = (
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
"""The fields of an item, in its order."""

_FILTERS = ("status", "severity", "priority", "team", "assignee", "source", "source_key")
_TIMES = ("opened_at", "updated_at", "closed_at")
_FACETS = ("status", "severity", "priority", "team", "assignee", "source", "reopened", "deviations")

ALLOWED = Allowed(
    filters=frozenset(_FILTERS),
    ids=frozenset({"assignee"}),
    values={
        "status": tuple(each for each in Status if each is not Status.NONE),
        "severity": tuple(Severity),
        "priority": tuple(Priority),
    },
    times=frozenset(_TIMES),
    sorts=frozenset(SORTS),
    facets=frozenset(_FACETS),
    fields=frozenset(FIELDS),
    present_only=frozenset({"updated_at", "q"}),
)
