"""Routes that will go: their answers say since when, until when, and what to read about it."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, NamedTuple

GOES = "goes"
"""Where the scope holds the headers of a route that goes, for whatever answers."""

_DECLARED = "x-deprecation"


class Deprecation(NamedTuple):
    """`since` and `sunset` are moments in UTC; `see` is the address of what to do instead."""

    since: datetime
    see: str
    sunset: datetime | None = None
    """When the route stops to answer; None while nobody has decided."""


def deprecated(operation: dict[str, Any], deprecation: Deprecation) -> dict[str, Any]:
    """An operation of the OpenAPI document that nobody should begin to use.

    Its route, a `PlainRoute`, has every answer say so, refusals too.
    """
    said = {"since": deprecation.since.isoformat(), "see": deprecation.see}
    if deprecation.sunset is not None:
        said["sunset"] = deprecation.sunset.isoformat()
    return {**operation, "deprecated": True, _DECLARED: said}


def deprecation_headers(operation: dict[str, Any]) -> dict[str, str]:
    """What RFC 9745 and RFC 8594 have the answers say; empty for what stays.

    They come beside others of the same name, such as the link to the next page.
    """
    said = operation.get(_DECLARED)
    if said is None:
        return {}
    since = datetime.fromisoformat(said["since"])
    headers = {
        "Deprecation": f"@{int(since.timestamp())}",
        "Link": f'<{said["see"]}>; rel="deprecation"',
    }
    if "sunset" in said:
        sunset = datetime.fromisoformat(said["sunset"]).astimezone(UTC)
        headers["Sunset"] = format_datetime(sunset, usegmt=True)
    return headers
