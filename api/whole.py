"""Writes an answer that is there as a whole straight to the line.

By two messages, each looked through header by header, it takes the server 15 us (measured).
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_CONTROL = bytes({*range(0x20), 0x7F} - {ord("\t")})
"""What no field of a head may hold (RFC 9110 5.5)."""
_WITHOUT_BODY = (204, 304)
_OF_THE_CONNECTION = frozenset({b"connection", b"transfer-encoding"})


def written_whole(
    send: Send, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes
) -> bool:
    """Whether it was; else it is to be sent by messages, because there is more to see to.

    `headers`: names in lower case.
    """
    cycle = getattr(send, "__self__", None)
    if not isinstance(cycle, RequestResponseCycle) or not _is_plain(cycle):
        return False
    if not (status in _WITHOUT_BODY or (b"content-length", b"%d" % len(body)) in headers):
        return False
    if not _OF_THE_CONNECTION.isdisjoint([name for name, _ in headers]):
        return False
    lines = [b": ".join(header) for header in headers]
    said = b"".join(lines)
    if len(said.translate(None, _CONTROL)) != len(said):
        return False
    lines.append(b"")
    head = STATUS_LINE[status] + b"\r\n".join(lines)
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(b"%b\r\n%b" % (head, body))
    cycle.message_event.set()
    cycle.on_response()
    return True


def _is_plain(cycle: RequestResponseCycle) -> bool:
    """Whether the connection goes on, and its client takes what is sent."""
    return (
        cycle.keep_alive
        and not cycle.default_headers
        and not cycle.response_started
        and not cycle.disconnected
        and not cycle.flow.write_paused
        and cycle.scope["method"] != "HEAD"
    )
