"""How long an incident was on hold, and what it waited for, in business time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from projections.engine.projection import Row
from projections.times import rfc3339
from write_model.incident.events import IncidentPutOnHold
from write_model.kernel.messages import Recorded

_MICROSECOND = timedelta(microseconds=1)


def held(before: Row, after: Row, recorded: Recorded) -> Mapping[str, Any]:
    """What an event does to the time on hold: another hold, or another status, ends this one.

    `held_seconds`: reason -> of all holds that have ended, exact to the microsecond.
    """
    begins = isinstance(recorded.event, IncidentPutOnHold)
    if after["status"] == "on_hold" and not begins:
        return {}
    since = rfc3339(recorded.occurred_at) if begins else None
    return {"held_since": since, "held_seconds": _ended(before, recorded.occurred_at)}


def _ended(before: Row, at: datetime) -> Mapping[str, float]:
    seconds: Mapping[str, float] = before["held_seconds"]
    if before["held_since"] is None:
        return seconds
    reason = before["hold_reason"]
    lasted_us = (at - datetime.fromisoformat(before["held_since"])) // _MICROSECOND
    return {**seconds, reason: (microseconds(seconds.get(reason, 0)) + lasted_us) / 1_000_000}


def microseconds(seconds: float) -> int:
    """The whole number that a float of so few seconds (less than 100 years) stands for."""
    return round(seconds * 1_000_000)
