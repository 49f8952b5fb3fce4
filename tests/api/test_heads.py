"""What comes before a body is bounded, and what cannot be read is refused in good form."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from api.heads import BoundedHeads
from tests.api.serving import LEAK, Served, Somebody, Wire, told

ASKED = b"GET /livez HTTP/1.1\r\nHost: a\r\n"
CHUNKED = (
    b"POST /v1/auth/token HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Type: application/json\r\n\r\n"
)


async def has_begun(served: Served) -> None:
    """So that what is sent from now on comes by itself."""
    async with asyncio.timeout(10):
        while True:
            heads = [
                c for c in served.server.server_state.connections if isinstance(c, BoundedHeads)
            ]
            if any(not (each.is_in_head or each.is_quiet) for each in heads):
                return
            await asyncio.sleep(0.01)


async def last_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
    """The one after which the connection is closed."""
    async with asyncio.timeout(10):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert b"\r\ncontent-type: application/problem+json\r\n" in head
    assert b"\r\nconnection: close" in head
    assert b"\r\nx-content-type-options: nosniff\r\n" in head
    return int(head[9:12]), json.loads(body)


async def answer(reader: asyncio.StreamReader) -> int:
    async with asyncio.timeout(10):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
    return int(head[9:12])


@pytest.mark.parametrize(
    "head",
    [
        ASKED + b"X-Pallet: 7\r\n" * 101,
        ASKED + b"X-Note: " + b"oil" * 22_000 + b"\r\n",
        ASKED + b"X-" + b"Pallet" * 11_000 + b": 7\r\n",
        b"GET /livez?q=" + b"oil" * 22_000 + b" HTTP/1.1\r\nHost: a\r\n",
        b"GET http://" + b"oil" * 22_000 + b"/livez HTTP/1.1\r\nHost: a\r\n",
    ],
    ids=["fields", "value", "name", "address", "host"],
)
async def test_a_head_past_the_bounds_is_refused_and_the_connection_closed(
    wire: Wire, head: bytes
) -> None:
    reader, writer = wire
    writer.write(head + b"\r\n")
    status, problem = await last_answer(reader)
    assert (status, problem["code"]) == (431, "head_too_large")


async def test_a_head_that_never_ends_is_cut_off(wire: Wire) -> None:
    reader, writer = wire
    writer.write(ASKED + b"X-Note: ")
    for _ in range(64):
        writer.write(b"oil " * 256)
        await asyncio.wait_for(writer.drain(), 10)
    assert (await last_answer(reader))[0] == 431


async def test_a_head_at_the_bounds_is_read(wire: Wire) -> None:
    reader, writer = wire
    for _ in range(2):
        writer.write(ASKED + b"X-Pallet: 7\r\n" * 99 + b"\r\n")
        assert await answer(reader) == 200
        writer.write(ASKED + b"X-Note: " + b"o" * 65_000 + b"\r\n\r\n")
        assert await answer(reader) == 200


@pytest.mark.parametrize(
    ("whole", "told"),
    [
        (b"http://a/livez", 200),
        (b"HTTPS://eve@[::1]:8443/livez?min_position=7", 200),
        (b"http://a", 404),
        (b"http://a?of=/livez", 404),
    ],
)
async def test_an_address_may_say_scheme_and_host(wire: Wire, whole: bytes, told: int) -> None:
    reader, writer = wire
    writer.write(b"GET " + whole + b" HTTP/1.1\r\nHost: a\r\n\r\n" + ASKED + b"\r\n")
    assert (await answer(reader), await answer(reader)) == (told, 200)


async def test_long_bodies_count_to_no_head(wire: Wire) -> None:
    reader, writer = wire
    body = b"[" + b" " * 100_000 + b"]"
    for _ in range(2):
        writer.write(b"POST /v1/auth/token HTTP/1.1\r\nHost: a\r\n")
        await writer.drain()
        writer.write(b"Content-Type: application/json\r\nContent-Length: 100002\r\n\r\n" + body)
        assert await answer(reader) == 422
        writer.write(ASKED)
        await writer.drain()
        writer.write(b"\r\n")
        assert await answer(reader) == 200


async def test_what_is_no_http_is_refused_in_good_form(wire: Wire) -> None:
    reader, writer = wire
    writer.write(b"The forklift leaks oil\r\n\r\n")
    status, problem = await last_answer(reader)
    assert (status, problem["code"]) == (400, "malformed")


async def test_a_body_that_is_no_chunk_is_refused(wire: Wire) -> None:
    reader, writer = wire
    writer.write(CHUNKED + b"oil\r\n")
    status, problem = await last_answer(reader)
    assert (status, problem["code"]) == (400, "malformed")


async def test_fields_after_a_body_are_kept_nowhere(served: Served, wire: Wire) -> None:
    reader, writer = wire
    writer.write(CHUNKED + b"2\r\n{}\r\n0\r\n" + b"X-Pallet: 7\r\n" * 200 + b"\r\n")
    assert await answer(reader) == 422
    [connection] = served.server.server_state.connections
    assert isinstance(connection, BoundedHeads)
    assert len(list(connection.scope["headers"])) == 3
    writer.write(ASKED + b"\r\n")
    assert await answer(reader) == 200


async def test_fields_after_a_body_that_never_end_are_cut_off(served: Served, wire: Wire) -> None:
    reader, writer = wire
    writer.write(CHUNKED + b"2\r\n{}\r\n0\r\nX-Note: ")
    await has_begun(served)
    for _ in range(65):
        writer.write(b"oil " * 256)
        await asyncio.wait_for(writer.drain(), 10)
    assert (await last_answer(reader))[0] == 431


async def test_an_earlier_question_is_answered_before_what_cannot_be_read(wire: Wire) -> None:
    reader, writer = wire
    writer.write(ASKED.replace(b"livez", b"readyz") + b"\r\nThe forklift leaks oil\r\n\r\n")
    assert await answer(reader) == 200
    assert await asyncio.wait_for(reader.read(), 10) == b""


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


async def test_json_too_deep_is_no_json(commander: Somebody) -> None:
    for body in (nested(100_000), b'{"title":' + nested(100_000) + b"}"):
        refused = await commander.send("/v1/incidents", body, Content_Type="application/json")
        assert (refused.status_code, told(refused)["code"]) == (400, "malformed")
    await commander.declares()


async def test_too_many_wrong_values_are_counted_and_not_told_one_by_one(
    commander: Somebody,
) -> None:
    many = {f"part{number}": number for number in range(20_000)}
    refused = await commander.post("/v1/incidents", LEAK | many)
    assert (refused.status_code, told(refused)["code"]) == (422, "validation")
    assert "20000 values" in told(refused)["detail"]
    assert len(refused.content) < 1_000
    few = await commander.post("/v1/incidents", LEAK | {"forks": 2, "wheels": 4})
    assert [each["field"] for each in told(few)["errors"]] == ["forks", "wheels"]


async def test_parameters_are_bounded_in_number_and_length(commander: Somebody) -> None:
    many = "&".join(f"p{number}=1" for number in range(101))
    refused = await commander.get(f"/v1/incidents?{many}")
    assert (refused.status_code, told(refused)["code"]) == (422, "validation")
    assert "100 parameters" in told(refused)["detail"]
    long = await commander.get(f"/v1/incidents?q={'oil' * 5_000}")
    assert (long.status_code, told(long)["code"]) == (422, "validation")
    empty = await commander.get("/v1/incidents?" + "&" * 30_000)
    assert (empty.status_code, told(empty)["code"]) == (422, "validation")
