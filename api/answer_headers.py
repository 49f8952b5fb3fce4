"""The headers that answers come with, as the OpenAPI document tells of them."""

from __future__ import annotations

from typing import Any

from api.deprecating import deprecation_headers
from api.openapi import PERMISSION, PUBLIC


def _header(text: str, example: str | int, kind: str = "string") -> dict[str, Any]:
    return {"description": text, "schema": {"type": kind}, "example": example}


HEADERS = {
    "Deprecation": _header("Since when nobody should use this (RFC 9745).", "@1772432100"),
    "ETag": _header("The version of the record, or of this answer.", '"3"'),
    "Idempotency-Replayed": _header(
        "`true` when the answer is that of the first request with this key.", "true"
    ),
    "Link": _header(
        "The next page (RFC 8288); left out on the last one.",
        '</v1/incidents?cursor=bGVhaw>; rel="next"',
    ),
    "RateLimit": _header(
        "How many requests of this kind are left (`r`), and in how many seconds all are (`t`):"
        " of your organization, and of you.",
        '"queries-organization";r=598012;t=1, "queries-actor";r=398040;t=1',
    ),
    "RateLimit-Policy": _header(
        "How many there may be (`q`) within how many seconds (`w`).",
        '"queries-organization";q=600000;w=60, "queries-actor";q=400000;w=60',
    ),
    "Retry-After": _header("After how many seconds to try again.", 1, "integer"),
    "Sunset": _header("When this stops to answer (RFC 8594).", "Wed, 02 Sep 2026 06:15:00 GMT"),
    "WWW-Authenticate": _header("How to sign in.", "Bearer"),
    "X-Position": _header("The position in the log that was written, or is shown.", 7, "integer"),
    "X-Request-Id": _header(
        "The request's id: the caller's own, or a new one.", "0198f1a2-6c1e-7a30-9d2f-3b5f6f2c1a77"
    ),
}

_BY_STATUS = {
    "304": ("ETag",),
    "401": ("WWW-Authenticate",),
    "412": ("ETag",),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}
_OF_LIMITS = ("RateLimit", "RateLimit-Policy")
_BY_PARAMETER = {
    "If-None-Match": ("ETag",),
    "min_position": ("X-Position",),
    "after": ("Link",),
    "cursor": ("Link",),
    "Idempotency-Key": ("ETag", "Idempotency-Replayed", "X-Position"),
}


def say_which_headers_come(operation: dict[str, Any]) -> set[str]:
    """Which of them an operation's answers have, by what it takes and how it ends; returns all."""
    told = set[str]()
    goes = deprecation_headers(operation)
    is_limited = operation[PERMISSION] != PUBLIC
    asked = {each["name"] for each in operation["parameters"]}
    for status, response in operation["responses"].items():
        names = {"X-Request-Id", *goes, *_BY_STATUS.get(status, ())}
        if status < "300" or status == "429":
            names.update(_OF_LIMITS if is_limited else ())
        if status < "300":
            names.update(*(_BY_PARAMETER[each] for each in asked & _BY_PARAMETER.keys()))
        told |= names
        response["headers"] = {
            name: {"$ref": f"#/components/headers/{name}"} for name in sorted(names)
        }
    return told
