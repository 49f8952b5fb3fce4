"""What is written at once is, byte by byte, what the server would write of two messages."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Send
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from api.whole import written_whole
from tests.api.serving import Somebody

Headers = list[tuple[bytes, bytes]]
EMPTY = b"content-length", b"0"

names = st.sampled_from([b"etag", b"x-position", b"link", b"ratelimit", b"retry-after"])
values = st.lists(
    st.integers(0x20, 0xFF).filter(lambda byte: byte != 0x7F) | st.just(0x09), max_size=20
).map(bytes)
controls = st.integers(0, 0x1F).filter(lambda byte: byte != 0x09) | st.just(0x7F)
statuses = st.sampled_from([200, 201, 304, 404, 422, 503])


class Line:
    """A transport that keeps what is written, and the loop's part of an answer."""

    def __init__(self, method: str = "GET", **odd: Any) -> None:
        self.written, self.answered = b"", 0
        self.message_event = asyncio.Event()
        transport = cast("asyncio.Transport", self)
        given: dict[str, Any] = {
            "scope": {"method": method},
            "transport": transport,
            "flow": FlowControl(transport),
            "logger": logging.getLogger(),
            "access_logger": logging.getLogger(),
            "access_log": False,
            "default_headers": [],
            "message_event": self.message_event,
            "expect_100_continue": True,
            "keep_alive": True,
            "on_response": self.answer,
        }
        self.cycle = RequestResponseCycle(**{**given, **odd})
        self.send = cast("Send", self.cycle.send)

    def write(self, data: bytes) -> None:
        self.written += data

    def answer(self) -> None:
        self.answered += 1

    def state(self) -> tuple[object, ...]:
        it = self.cycle
        is_told = self.message_event.is_set()
        flags = it.response_started, it.response_complete, it.waiting_for_100_continue
        return self.written, self.answered, is_told, flags


def with_length(status: int, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    if status == 304:
        return headers, b""
    return [*headers, (b"content-length", b"%d" % len(body))], body


def sent(line: Line, status: int, headers: Headers, body: bytes) -> None:
    async def both() -> None:
        send = line.send
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    # Nothing is awaited while the line takes what is written.
    with pytest.raises(StopIteration):
        both().send(None)


@given(statuses, st.lists(st.tuples(names, values), max_size=6), st.binary(max_size=40))
def test_it_is_what_the_server_would_write(status: int, headers: Headers, body: bytes) -> None:
    headers, body = with_length(status, headers, body)
    whole, by_messages = Line(), Line()
    assert written_whole(whole.send, status, headers, body)
    sent(by_messages, status, headers, body)
    assert whole.state() == by_messages.state()


@given(values, controls, values)
def test_no_header_begins_another(before: bytes, control: int, after: bytes) -> None:
    line = Line()
    headers = [EMPTY, (b"link", before + bytes([control]) + after)]
    assert not written_whole(line.send, 200, headers, b"")
    assert (line.written, line.answered) == (b"", 0)


@pytest.mark.parametrize(
    "odd",
    [{"keep_alive": False}, {"default_headers": [(b"connection", b"close")]}, {"method": "HEAD"}],
    ids=lambda odd: next(iter(odd)),
)
def test_what_the_server_has_more_to_see_to_is_left_to_it(odd: dict[str, Any]) -> None:
    line = Line(**odd)
    assert not written_whole(line.send, 200, [EMPTY], b"")
    assert line.written == b""


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"content-length", b"2")],
        [EMPTY, (b"connection", b"close")],
        [EMPTY, (b"transfer-encoding", b"chunked")],
    ],
    ids=str,
)
def test_so_is_what_may_leave_the_connection_out_of_step(headers: Headers) -> None:
    line = Line()
    assert not written_whole(line.send, 200, headers, b"")
    assert line.written == b""


def test_nor_is_anything_written_to_who_does_not_read_or_has_gone() -> None:
    full, gone = Line(), Line()
    full.cycle.flow.pause_writing()
    gone.cycle.disconnected = True
    for line in (full, gone):
        assert not written_whole(line.send, 200, [EMPTY], b"")
        assert line.written == b""


async def test_a_command_is_answered_so(
    commander: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sent_by_messages(*_: object) -> None:
        raise AssertionError("The server was asked to send a message.")

    monkeypatch.setattr(RequestResponseCycle, "send", sent_by_messages)
    assert (await commander.declares())["reference"] == "INC-1"
