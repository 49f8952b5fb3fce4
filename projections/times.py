"""Times as documents show them."""

from __future__ import annotations

from datetime import UTC, datetime

_UTC = "+00:00"


def rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC, such as 2026-02-03T08:15:00Z, with microseconds when there are any."""
    text = moment.isoformat()
    if not text.endswith(_UTC):  # whatever the database hands out stands in UTC already
        text = moment.astimezone(UTC).isoformat()
    return text.removesuffix(_UTC) + "Z"
