"""What every answer tells browsers: what they may make of it, keep of it, and whom to show it."""

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
# An answer is data. The one page there is sends a policy of its own.
_CONTENT = (
    b"content-security-policy",
    b"default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
)
# An error too: a cache may keep a 404 unless it is told not to (RFC 9111 4.2.2).
_KEPT = (b"cache-control", b"no-store")
_ENCRYPTED = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")

_ASKED = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-Correlation-Id",
    "X-Min-Position",
    "X-Request-Id",
)
_ANSWERED = (
    "Deprecation",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Sunset",
    "X-Position",
    "X-Request-Id",
)
_PREFLIGHT_S = 600


def guard(headers: list[tuple[bytes, bytes]], *, encrypted: bool) -> None:
    """Add what is missing; what the route itself says stands."""
    said = [name for name, _ in headers]
    headers += _ALWAYS
    if _CONTENT[0] not in said:
        headers.append(_CONTENT)
    if _KEPT[0] not in said:
        headers.append(_KEPT)
    if encrypted:
        headers.append(_ENCRYPTED)


def allowing_origins(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Let browsers ask for the pages of these origins; without any, nothing stands in the way.

    No cookies are used, so that a page has nothing but the token that it was given.
    """
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=("GET", "POST", "DELETE"),
        allow_headers=_ASKED,
        expose_headers=_ANSWERED,
        max_age=_PREFLIGHT_S,
    )
