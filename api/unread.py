"""What is answered to a request that no route has read: it is written straight to the line."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from api.guarding import guard
from api.problems import problem
from write_model.kernel.errors import DomainError


def unread(error: DomainError, *, lasts: bool, encrypted: bool) -> bytes:
    """The whole answer; `lasts`: whether the connection goes on after it."""
    answer = problem(error)
    headers = list(answer.raw_headers)
    guard(headers, encrypted=encrypted)
    if not lasts:
        headers.append((b"connection", b"close"))
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return b"%b%b\r\n%b" % (STATUS_LINE[answer.status_code], lines, bytes(answer.body))
