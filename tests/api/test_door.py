"""Past what can be answered in time requests are refused at the door, unread and in good form."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from api.door import Gate, Place
from tests.api.serving import LEAK, Served, Somebody, told
from tests.api.test_metrics import measured
from write_model.kernel.access import Role

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def wire(served: Served) -> AsyncGenerator[Wire]:
    """A connection on which every byte can be seen."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    yield reader, writer
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def full(gate: Gate) -> None:
    gate.at_once = 0


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return int(head[9:12]), await reader.readexactly(length)


async def holds(gate: Gate, many: int) -> None:
    async with asyncio.timeout(10):
        while True:
            if gate.held == many:
                return
            await asyncio.sleep(0.01)


async def test_who_comes_when_all_is_full_is_told_when_to_come_again(
    served: Served, commander: Somebody
) -> None:
    full(served.process.budgets.door.commands)
    refused = await commander.post("/v1/incidents", LEAK)
    assert (refused.status_code, told(refused)["code"]) == (503, "overloaded")
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["X-Content-Type-Options"] == "nosniff"


async def test_commands_and_queries_do_not_keep_each_other_out(
    served: Served, commander: Somebody
) -> None:
    door = served.process.budgets.door
    full(door.commands)
    assert (await commander.get("/v1/incidents")).status_code == 200
    full(door.queries)
    door.commands.at_once = 1
    assert (await commander.get("/v1/incidents")).status_code == 503
    await commander.declares()


async def test_the_operator_is_always_let_in(served: Served, commander: Somebody) -> None:
    door = served.process.budgets.door
    full(door.commands)
    full(door.queries)
    await commander.post("/v1/incidents", LEAK)
    await commander.get("/v1/incidents")
    assert (await served.http.get("/readyz")).status_code == 200
    found = await measured(served)
    assert found["api_refused_at_the_door_total,command"] == 1
    assert found["api_refused_at_the_door_total,query"] == 1


async def test_a_connection_goes_on_after_a_refusal(served: Served, wire: Wire) -> None:
    reader, writer = wire
    full(gate := served.process.budgets.door.commands)
    body = b"40\r\n" + b"x" * 64 + b"\r\n"
    writer.write(b"POST /v1/incidents HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    for part in (body, body, b"0\r\n\r\n"):
        writer.write(part)
        await writer.drain()
    assert (await answer(reader))[0] == 503
    gate.at_once = 1
    writer.write(b"POST /v1/incidents HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    assert (await answer(reader))[0] == 401


@pytest.mark.parametrize("asked", [b"HTTP/1.1\r\nConnection: close", b"HTTP/1.0"])
async def test_who_asks_for_an_end_gets_it_after_the_refusal(
    served: Served, wire: Wire, asked: bytes
) -> None:
    reader, writer = wire
    full(served.process.budgets.door.queries)
    writer.write(b"GET /v1/incidents " + asked + b"\r\nHost: a\r\n\r\n")
    assert b"\r\nconnection: close\r\n" in await reader.read()


async def test_what_was_asked_before_is_answered_first(served: Served, wire: Wire) -> None:
    reader, writer = wire
    served.process.budgets.door.queries.at_once = 1
    writer.write(b"GET /v1/incidents HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
    assert [(await answer(reader))[0] for _ in range(3)] == [401] * 3
    await holds(served.process.budgets.door.queries, 0)


async def test_who_goes_away_leaves_his_place(served: Served, wire: Wire) -> None:
    _, writer = wire
    gate = served.process.budgets.door.commands
    writer.write(b"POST /v1/auth/token HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
    await holds(gate, 1)
    writer.transport.abort()
    await holds(gate, 0)


async def test_one_organization_leaves_places_to_the_others(served: Served) -> None:
    gate = served.process.budgets.door.queries
    ada = await served.somebody(Role.INCIDENT_COMMANDER)
    eve = await served.somebody(Role.INCIDENT_COMMANDER)
    gate.of[ada.tenant.int] = gate.share
    gate.at_share = 1
    assert [(await ada.get("/v1/incidents")).status_code for _ in range(2)] == [503, 503]
    assert gate.refused == 1, "The second time it is known at the door."
    assert (await eve.get("/v1/incidents")).status_code == 200
    assert (await ada.post("/v1/incidents", LEAK)).status_code == 201
    gate.of.clear()
    gate.at_share = 0
    assert (await ada.get("/v1/incidents")).status_code == 200


async def test_a_place_is_given_back_to_the_organization() -> None:
    gate, ended = Gate(4), asyncio.create_task(asyncio.sleep(0))
    places = [Place(gate) for _ in range(4)]
    assert [place.claim(1) for place in places] == [True, True, True, False]
    assert (gate.held, gate.of, gate.at_share) == (4, {1: 3}, 1)
    assert places[3].claim(2)
    for place in places:
        place.let_out(ended)
    assert (gate.held, gate.of, gate.at_share) == (0, {}, 0)
    await ended
