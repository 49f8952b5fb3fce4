"""An incident as GET shows it: the ready document, folded from its events.

`opened_at` is when it was first reported or declared; `acknowledged_at` the first acknowledgement
since it was opened or last reopened, `first_acknowledged_at` the first of all; `resolved_at` and
`closed_at` are empty again once it is reopened. Those five are business time (`occurred_at`), and
so is the time on hold. `updated_at` is recorded time, so that
whoever asks for what changed since then misses no event that was told late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from projections.engine.projection import Row
from projections.incident.holding import held
from projections.incident.patches import patch
from projections.times import rfc3339
from write_model.incident.events import AnyIncidentEvent
from write_model.kernel.messages import Recorded

_BLANK: Mapping[str, Any] = {
    "title": "",
    "description": None,
    "severity": None,
    "priority": None,
    "impact": None,
    "team": None,
    "role": None,
    "assignee": None,
    "reporter": None,
    "source": "",
    "source_key": None,
    "opened_at": None,
    "acknowledged_at": None,
    "first_acknowledged_at": None,
    "resolved_at": None,
    "closed_at": None,
    "updated_at": None,
    "hold_reason": None,
    "held_since": None,
    "held_seconds": {},
    "resolution": None,
    "cause_code": None,
    "outcome_reason": None,
    "merged_into": None,
    "review_waived": None,
    "reopened": 0,
    "escalations": 0,
    "imported_through": None,
    "deviations": [],
    "amended": {},
    "injured": None,
    "sla_breaches": [],
    "notes": [],
    "tasks": [],
    "links": [],
    "evidence": [],
}


def fold(row: Row | None, recorded: Recorded) -> Row:
    """The document after an event; what it does not touch is shared with the one before."""
    before = row or _begun(recorded)
    event: AnyIncidentEvent = recorded.event  # type: ignore[assignment]  # the topic says so
    after = {**before, **patch(before, event, recorded)}
    if after["status"] == "on_hold" or before["held_since"] is not None:
        after.update(held(before, after, recorded))
    after["version"] = recorded.version
    after["updated_at"] = rfc3339(recorded.recorded_at)
    if (origin := event.imported) is not None:
        # Any command of an old row says who had the incident from then on.
        after["team"] = origin.team or after["team"]
        after["assignee"] = str(origin.person) if origin.person else after["assignee"]
        after["imported_through"] = {"row": origin.row, "step": origin.step}
    if event.deviations:
        after["deviations"] = [*before["deviations"], *event.deviations]
    return after


def _begun(recorded: Recorded) -> Row:
    return {
        "id": str(recorded.stream),
        "reference": f"INC-{recorded.number}",
        "number": recorded.number,
        "version": 0,
        "status": "none",
        **_BLANK,
    }


def people_in(row: Row) -> list[str]:
    """The subject ids that the document names, sorted."""
    named = {row["reporter"], row["assignee"]}
    named.update([task["assignee"] for task in row["tasks"]])
    named.update([note["author"] for note in row["notes"]])
    named.discard(None)
    return sorted(named)
