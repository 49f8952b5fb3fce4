"""The stream as server-sent events: the same messages, resumed by what a browser saw last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from pydantic_core import from_json

from api.answers.pushed import Pushed
from api.pushing import server_sent
from api.pushing.server_sent import EventLine
from api.serve import server
from projections.push import Message, Ring
from tests.api.serving import Served, Somebody, serving
from tests.api.test_stream import note
from tests.embedded import until
from tests.identity import FREYA, HARBOR
from write_model.kernel.access import Role
from write_model.kernel.settings import Settings


@asynccontextmanager
async def events(
    served: Served, who: Somebody, query: str = "", **headers: str
) -> AsyncGenerator[AsyncGenerator[dict[str, str]]]:
    named = {"Authorization": f"Bearer {who.token}"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    async with who.http.stream("GET", f"/v1/stream?{query}", headers=named) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _events(answer)


async def _events(answer: httpx2.Response) -> AsyncGenerator[dict[str, str]]:
    fields = dict[str, str]()
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
        elif fields:
            yield fields
            fields = {}


async def next_event(coming: AsyncGenerator[dict[str, str]]) -> dict[str, str]:
    async with asyncio.timeout(20):
        return await anext(coming)


async def test_what_happens_is_sent_and_resumed(served: Served, commander: Somebody) -> None:
    async with events(served, commander) as coming:
        assert await next_event(coming) == {"retry": "2000"}
        first = await commander.declares()
        event = await next_event(coming)
    told: dict[str, Any] = from_json(event["data"])
    assert event["id"] == f"{told['epoch']}:{told['position']}"
    assert told["subject"] == first["id"]
    assert Pushed.model_fields.keys() == told.keys()
    Pushed.model_validate(told)
    second = await commander.declares()
    async with events(served, commander, Last_Event_ID=event["id"]) as coming:
        await next_event(coming)
        assert from_json((await next_event(coming))["data"])["position"] == second["position"]


async def test_whoever_may_stay_no_longer_is_told_by_the_last_event(
    served: Served, commander: Somebody
) -> None:
    async with events(served, commander) as coming:
        await next_event(coming)
        await commander.http.request(
            "DELETE", "/v1/auth/sessions", headers={"Authorization": f"Bearer {commander.token}"}
        )
        served.process.fan_out.dismiss()
        last = await next_event(coming)
        assert last["event"] == "end"
        assert from_json(last["data"])["code"] == 1012
        with pytest.raises(StopAsyncIteration):
            await anext(coming)
    assert served.process.budgets.streams.held == 0


@pytest.mark.parametrize(("given", "status"), [("1:soon", 422), ("7:99", 410), ("nothing", 422)])
async def test_what_no_stream_has_sent_is_refused(
    served: Served, commander: Somebody, given: str, status: int
) -> None:
    headers = {"Authorization": f"Bearer {commander.token}", "Last-Event-ID": given}
    answer = await commander.http.get("/v1/stream", headers=headers)
    assert answer.status_code == status, answer.text


async def test_without_a_token_nobody_follows(served: Served) -> None:
    assert (await served.http.get("/v1/stream")).status_code == 401


async def test_a_line_is_clear_again_once_its_answer_has_taken_what_waited() -> None:
    line = EventLine(cut=print)
    sent = line.sent()
    assert await anext(sent) == server_sent.BEGINS
    line.write(b"o" * 60_000)
    assert line.is_clear
    line.write(b"o" * 60_000)
    assert not line.is_clear
    assert len(await anext(sent)) == 120_000
    assert line.is_clear
    await line.cleared()


@pytest.mark.parametrize("bound", ["_PATIENCE_S", "_FAREWELL_S"])
async def test_who_does_not_read_is_cut_off(
    settings: Settings, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_sent, bound, 0.1)
    ring = Ring(at_most=2_000)
    async with serving(settings, server(settings, ring=ring)) as served:
        commander = await served.somebody(Role.INCIDENT_COMMANDER)
        incident, at = await commander.declares(), served.process
        # A reader that has so little room stops to take what comes.
        _, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1_024)
        head = f"GET /v1/stream HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {commander.token}"
        writer.write(f"{head}\r\n\r\n".encode())
        await asyncio.to_thread(until, lambda: at.budgets.streams.held == 1, "he follows")
        last = incident["position"]
        async with asyncio.timeout(20):
            while at.budgets.streams.held:
                ring.publish([note(commander, incident, last + n) for n in range(1, 201)])
                last += 200
                await asyncio.sleep(0.005)
                if bound == "_FAREWELL_S" and at.fan_out.farthest_behind() > 1_500:
                    at.fan_out.dismiss()
                    break
            await at.budgets.streams.emptied()
        writer.close()


async def test_where_nothing_happens_a_comment_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_sent, "_HEARTBEAT_S", 0.01)
    sent = EventLine(cut=print).sent()
    assert [await anext(sent) for _ in range(2)] == [server_sent.BEGINS, b":\n\n"]


def test_an_event_has_the_id_that_it_is_resumed_by() -> None:
    message = Message(HARBOR, 7, "incident", FREYA, "{}", epoch=2)
    assert EventLine.encoded([message, message]) == b"id: 2:7\ndata: {}\n\n" * 2
