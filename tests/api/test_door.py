"""Past what can be answered in time requests are refused at the door, unread and in good form."""

from __future__ import annotations

import asyncio
from typing import NoReturn

import pytest

from api.doorkeeper import Doorkeeper
from api.places import Gate, Place
from tests.api.serving import LEAK, Served, Somebody, Wire, serving, told
from tests.api.test_metrics import measured
from write_model.kernel.access import Role
from write_model.kernel.settings import Settings

ASKED = b"GET /v1/incidents HTTP/1.1\r\nHost: a\r\n\r\n"
SLOWLY = (
    b"POST /v1/auth/token HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\n\r\n"
)


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
    body = b"a000\r\n" + b"x" * 40_960 + b"\r\n"
    writer.write(b"POST /v1/incidents HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    for part in (body, body, b"0\r\n\r\n"):
        writer.write(part)
        await writer.drain()
    assert (await answer(reader))[0] == 503
    gate.at_once = 1
    writer.write(b"POST /v1/incidents HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    assert (await answer(reader))[0] == 401


async def test_fields_after_a_refused_body_that_never_end_are_cut_off(
    served: Served, wire: Wire
) -> None:
    reader, writer = wire
    full(served.process.budgets.door.commands)
    writer.write(b"POST /v1/incidents HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    writer.write(b"0\r\nX-Note: ")
    for _ in range(65):
        writer.write(b"oil " * 256)
        await asyncio.wait_for(writer.drain(), 10)
    assert (await asyncio.wait_for(answer(reader), 10))[0] == 431


@pytest.mark.parametrize("asked", [b"HTTP/1.1\r\nConnection: close", b"HTTP/1.0"])
async def test_who_asks_for_an_end_gets_it_after_the_refusal(
    served: Served, wire: Wire, asked: bytes
) -> None:
    reader, writer = wire
    full(served.process.budgets.door.queries)
    writer.write(b"GET /v1/incidents " + asked + b"\r\nHost: a\r\n\r\n")
    assert b"\r\nconnection: close\r\n" in await reader.read()


async def test_a_refusal_while_the_process_leaves_is_the_last_answer(
    served: Served, wire: Wire
) -> None:
    reader, writer = wire
    full(served.process.budgets.door.queries)
    writer.write(ASKED)
    assert (await answer(reader))[0] == 503
    served.server.should_exit = True
    await asyncio.wait_for(served.process.draining.wait(), 10)
    writer.write(ASKED)
    assert b"\r\nconnection: close\r\n" in await reader.read()


async def test_who_was_refused_last_does_not_hold_the_end_up(settings: Settings) -> None:
    hasty = settings.model_copy(update={"drain_idle_s": 0.1, "drain_s": 60})
    async with serving(hasty) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        full(served.process.budgets.door.queries)
        writer.write(ASKED)
        assert (await answer(reader))[0] == 503
        served.server.should_exit = True
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


async def test_an_earlier_refusal_does_not_end_what_is_asked_after_it(
    served: Served,
) -> None:
    served.server.config.timeout_keep_alive = 0
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    full(served.process.budgets.door.queries)
    writer.write(ASKED * 2 + SLOWLY)
    assert [(await answer(reader))[0] for _ in range(2)] == [503] * 2
    writer.write(b"{}")
    assert (await answer(reader))[0] == 422
    writer.close()


async def test_who_was_refused_may_stay_while_he_asks(served: Served) -> None:
    served.server.config.timeout_keep_alive = 3
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    full(served.process.budgets.door.queries)
    for _ in range(2):
        writer.write(ASKED)
        assert (await answer(reader))[0] == 503
        [his] = [c for c in served.server.server_state.connections if isinstance(c, Doorkeeper)]
        his.timeout_keep_alive_handler()  # The time since the first one is over, not since this.
    assert await asyncio.wait_for(reader.read(), 20) == b""
    writer.close()


async def asks_on(writer: asyncio.StreamWriter, asked: bytes) -> NoReturn:
    while True:
        writer.write(asked)
        await writer.drain()


async def test_who_reads_no_refusal_is_cut_off(served: Served) -> None:
    full(served.process.budgets.door.queries)
    _, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1024)
    asked = ASKED.replace(b" HTTP", b"?q=" + b"oil" * 100 + b" HTTP")
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(asks_on(writer, asked), 30)


async def test_an_address_in_disguise_passes_the_same_door(served: Served, wire: Wire) -> None:
    reader, writer = wire
    full(served.process.budgets.door.queries)
    for disguise in (b"/%761/", b"http://a/v1/", b"HTTPS://eve@[::1]:8443/%761/"):
        writer.write(ASKED.replace(b"/v1/", disguise))
        assert (await answer(reader))[0] == 503


async def test_what_was_asked_before_is_answered_first(served: Served, wire: Wire) -> None:
    reader, writer = wire
    served.process.budgets.door.queries.at_once = 1
    writer.write(b"GET /v1/incidents HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
    assert [(await answer(reader))[0] for _ in range(3)] == [401] * 3
    await holds(served.process.budgets.door.queries, 0)


async def test_a_body_on_its_way_takes_no_place(served: Served, wire: Wire) -> None:
    reader, writer = wire
    served.process.budgets.door.commands.at_once = 1
    slow = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(3)]
    for _, other in slow:
        other.write(SLOWLY)
    writer.write(SLOWLY + b"{}")
    assert (await answer(reader))[0] == 422
    for its_answer, other in slow:
        other.write(b"{}")
        assert (await answer(its_answer))[0] == 422
        other.close()
    await holds(served.process.budgets.door.commands, 0)


async def test_the_rest_of_a_body_that_was_answered_early_takes_no_place(
    served: Served, wire: Wire
) -> None:
    reader, writer = wire
    writer.write(SLOWLY.replace(b"application/json", b"text/plain").replace(b": 2", b": 2000000"))
    assert (await answer(reader))[0] == 413
    for _ in range(200):
        writer.write(b" " * 10_000)
        await writer.drain()
    writer.write(ASKED)
    assert (await answer(reader))[0] == 401
    await holds(served.process.budgets.door.queries, 0)
    assert served.process.budgets.door.commands.held == 0


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
    places = [Place(gate, ended) for _ in range(4)]
    for place in places:
        place.enter()
    assert [place.claim(1) for place in places] == [True, True, True, False]
    assert (gate.held, gate.of, gate.at_share) == (4, {1: 3}, 1)
    assert places[3].claim(2)
    for place in places:
        place.let_out(ended)
    assert (gate.held, gate.of, gate.at_share) == (0, {}, 0)
    await ended
