"""Routes that will go: their answers say since when, until when, and what to read about it."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, NamedTuple

from starlette.responses import Response

_DECLARED = "x-deprecation"


class Deprecation(NamedTuple):
    """`since` and `sunset` are moments in UTC; `see` is the address of what to do instead."""

    since: datetime
    see: str
    sunset: datetime | None = None
    """When the route stops to answer; None while nobody has decided."""


def deprecated(operation: dict[str, Any], deprecation: Deprecation) -> dict[str, Any]:
    """An operation of the OpenAPI document that nobody should begin to use.

    Its route, a `PlainRoute`, says so in every answer of its own.
    """
    said = {"since": deprecation.since.isoformat(), "see": deprecation.see}
    if deprecation.sunset is not None:
        said["sunset"] = deprecation.sunset.isoformat()
    return {**operation, "deprecated": True, _DECLARED: said}


def deprecation_headers(operation: dict[str, Any]) -> dict[str, str]:
    """What RFC 9745 and RFC 8594 have the answers say; empty for what stays."""
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


def say_that_it_goes(response: Response, headers: dict[str, str]) -> None:
    """Beside whatever else the answer says, such as the link to its next page."""
    for name, value in headers.items():
        response.headers.append(name, value)
