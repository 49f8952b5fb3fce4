"""Bounds what comes before a body: the parser takes as many headers, and as long ones, as are sent.

They are kept in this process for as long as the head goes on, so that bytes are counted as they
come, and fields once there are all. So are the fields that follow a body.
"""

from __future__ import annotations

import re
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.refusals import HeadTooLarge, Malformed
from api.unread import unread
from write_model.kernel.errors import DomainError

HEAD_LIMIT_BYTES = 64 * 1024
"""Of address and headers; the longest of ours is an address with a thousand ids, of 37 KB."""
MOST_FIELDS = 100


_ORIGIN = re.compile(rb"https?://[^/?#]*", re.IGNORECASE)


def origin_form(target: bytes) -> bytes:
    """A request's target without scheme and host, with which it means the same (RFC 9112 3.2.2)."""
    if target.startswith(b"/") or (origin := _ORIGIN.match(target)) is None:
        return target
    path = target[origin.end() :]
    return path if path.startswith(b"/") else b"/" + path


class _Ignored(list[tuple[bytes, bytes]]):
    """Where the fields go that follow a body: no route asks for them, and nothing bounds them."""

    def append(self, field: tuple[bytes, bytes]) -> None:
        """Keep nothing."""


class BoundedHeads(HttpToolsProtocol):
    """The server's own protocol, for heads of a bounded size."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._received_bytes = 0
        """Since a head, a part of a body or a request ended: what is not whole yet is no larger."""
        self._fault: DomainError | None = None

    @property
    def is_in_head(self) -> bool:
        """Whether a request has begun whose headers have not all come."""
        # Both are None until the first one begins, which the library's types do not say.
        scope, cycle = cast("object | None", self.scope), self._newest
        return scope is not None and (cycle is None or cycle.scope is not scope)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is asked on it, not even half a question."""
        cycle = self._newest
        return not self.is_in_head and (cycle is None or cycle.response_complete)

    @property
    def _newest(self) -> RequestResponseCycle | None:
        return cast("RequestResponseCycle | None", self.cycle)

    def data_received(self, data: bytes) -> None:
        self._received_bytes += len(data)
        super().data_received(data)
        if self._received_bytes > HEAD_LIMIT_BYTES:
            self._end_with(HeadTooLarge(HEAD_LIMIT_BYTES, MOST_FIELDS))

    def on_headers_complete(self) -> None:
        if self._received_bytes > HEAD_LIMIT_BYTES or len(self.headers) > MOST_FIELDS:
            self._must_be_bounded()
        self._received_bytes = 0
        self.url = origin_form(self.url)
        super().on_headers_complete()
        # Not of a WebSocket's, which are still asked for.
        if "path" in self.scope:
            self.headers = _Ignored()

    def on_body(self, body: bytes) -> None:
        self._received_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._received_bytes = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What the library calls for whatever the parser does not take, nor anything after it."""
        cycle = self._newest
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            cycle.keep_alive = False  # Who is owed an earlier answer gets that one, and no other.
        else:
            self._end_with(self._fault or Malformed(msg))

    def _must_be_bounded(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > HEAD_LIMIT_BYTES or len(self.headers) > MOST_FIELDS:
            self._fault = HeadTooLarge(HEAD_LIMIT_BYTES, MOST_FIELDS)
            raise self._fault

    def _end_with(self, error: DomainError) -> None:
        """Answer and close; only close where the answer would be taken for another's."""
        if self.transport.is_closing():
            return
        if self._is_answered_next():
            self.transport.write(unread(error, lasts=False, encrypted=self.scheme == "https"))
        self.transport.close()

    def _is_answered_next(self) -> bool:
        cycle = self._newest
        if cycle is None or cycle.response_complete:
            return True
        return not (self.pipeline or self.is_in_head or cycle.response_started)
