"""Times as documents show them."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC, such as 2026-02-03T08:15:00Z, with microseconds when there are any."""
    return moment.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
