"""Frames that are made once and written as they are."""

from __future__ import annotations

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from api.pushing.socket import text_frame


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_a_library_reads_what_was_framed(length: int) -> None:
    payload = b"o" * length
    client = ClientProtocol(parse_uri("ws://warehouse.example/"), state=State.OPEN)
    client.receive_data(text_frame(payload) + text_frame(b"next"))
    assert client.events_received() == [
        Frame(Opcode.TEXT, payload),
        Frame(Opcode.TEXT, b"next"),
    ]
