"""What a subscriber can rely on while following what happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from pydantic_core import from_json, to_json
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.typing import Subprotocol

from api.pushing.topics import MOST_TOPICS
from api.serve import server
from projections.catalog import CATALOG
from projections.engine.rebuilding import Rebuild
from projections.push import Ring
from read_model.log_headers import Header
from tests.api.serving import Served, Somebody, serving, told
from tests.api.test_trouble import cut_off
from tests.embedded import Database
from write_model.deciding import Asked
from write_model.incident.commands import AcknowledgeIncident
from write_model.kernel.access import Actor, Role, system_actor
from write_model.kernel.clock import wall_clock
from write_model.kernel.settings import TAILER, Settings
from write_model.kernel.tokens import LIVES, AccessTokens
from write_model.membership.commands import SuspendMember
from write_model.membership.membership import membership_stream


@asynccontextmanager
async def following(
    served: Served, who: Somebody, query: str = ""
) -> AsyncGenerator[ClientConnection]:
    url = f"ws://127.0.0.1:{served.port}/v1/stream?{query}"
    headers = {"Authorization": f"Bearer {who.token}"}
    async with connect(url, additional_headers=headers, proxy=None) as socket:
        yield socket


async def next_message(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(20):
        message: dict[str, Any] = from_json(await socket.recv())
    return message


async def everything(socket: ClientConnection) -> list[dict[str, Any]]:
    """All messages until the server closes."""
    async with asyncio.timeout(20):
        return [from_json(text) async for text in socket]


async def test_what_happens_is_pushed_without_a_value(served: Served, commander: Somebody) -> None:
    async with following(served, commander) as socket:
        incident = await commander.declares(injured="Grace Hopper")
        message = await next_message(socket)
    assert message["type"] == "incident.declared"
    assert message["subject"] == incident["id"]
    assert message["reference"] == "INC-1"
    assert (message["position"], message["version"]) == (incident["position"], 1)
    assert {"title", "injured"} <= set(message["changed"])
    assert "Grace" not in str(message)
    assert "leaks" not in str(message)


@pytest.mark.usefixtures("projector")
async def test_a_rebuild_pushes_nothing_again(
    served: Served, commander: Somebody, database: Database
) -> None:
    first = await commander.declares()
    await commander.get(f"/v1/incidents/INC-1?min_position={first['position']}")
    async with following(served, commander) as socket:
        await asyncio.to_thread(rebuilt, database)
        second = await commander.declares()
        assert (await next_message(socket))["position"] == second["position"]


def rebuilt(database: Database) -> None:
    """Every projection, as the command line does it."""
    with psycopg.connect(database.conninfo(TAILER), autocommit=True) as connection:
        names = [projection.name for projection in CATALOG.projections]
        Rebuild(connection, CATALOG, lambda _: None).of(names)


async def test_a_subscriber_resumes_from_the_ring_without_a_gap(
    served: Served, commander: Somebody
) -> None:
    first = await commander.declares()
    second = await commander.declares()
    async with following(served, commander, f"after={first['position']}") as socket:
        assert (await next_message(socket))["position"] == second["position"]
        third = await commander.declares()
        assert (await next_message(socket))["position"] == third["position"]


async def test_a_subscriber_resumes_from_the_log_when_the_process_is_new(
    settings: Settings,
) -> None:
    async with serving(settings) as served:
        commander = await served.somebody(Role.INCIDENT_COMMANDER)
        first = await commander.declares()
        await commander.declares()
        await commander.post("/v1/incidents/INC-2/acknowledge")
    async with (
        serving(settings) as served,
        following(served, commander, f"after={first['position']}") as socket,
    ):
        told = [await next_message(socket) for _ in range(2)]
    assert [message["type"] for message in told] == ["incident.declared", "incident.acknowledged"]
    assert [message["reference"] for message in told] == ["INC-2", "INC-2"]


async def test_a_record_begun_before_this_process_is_told_by_its_reference(
    settings: Settings,
) -> None:
    async with serving(settings) as served:
        commander = await served.somebody(Role.INCIDENT_COMMANDER)
        await commander.declares()
    async with serving(settings) as served, following(served, commander) as socket:
        await replace(commander, http=served.http).post("/v1/incidents/INC-1/acknowledge")
        message = await next_message(socket)
    assert (message["type"], message["reference"]) == ("incident.acknowledged", "INC-1")


@pytest.mark.usefixtures("projector")
async def test_what_is_pushed_has_the_envelope_of_the_feed(
    served: Served, commander: Somebody
) -> None:
    async with following(served, commander) as socket:
        incident = await commander.declares(occurred_at="2026-03-02T08:15:00Z")
        pushed = await next_message(socket)
    position = incident["position"]
    path = f"/v1/events?after={position - 1}&min_position={position}"
    [listed] = told(await commander.get(path))["items"]
    only_pushed, only_listed = {"reference", "changed", "epoch"}, {"datacontenttype", "data"}
    assert pushed.keys() - only_pushed == listed.keys() - only_listed
    assert pushed["specversion"] == "1.0"
    for name in ("id", "source", "type", "subject", "tenant", "actor", "schema_version"):
        assert pushed[name] == listed[name]
    for name in ("time", "occurred_at"):
        assert datetime.fromisoformat(pushed[name]) == datetime.fromisoformat(listed[name])


async def test_topics_narrow_what_is_pushed(served: Served, commander: Somebody) -> None:
    await commander.declares()
    other = await commander.declares()
    query = f"after=0&topics=incidents:{other['id']}"
    async with following(served, commander, query) as socket:
        assert (await next_message(socket))["subject"] == other["id"]
    async with following(served, commander, "after=0&topics=incidents") as socket:
        assert (await next_message(socket))["type"] == "incident.declared"


async def test_another_organization_s_events_are_never_pushed(
    served: Served, commander: Somebody
) -> None:
    stranger = await served.somebody(Role.OWNER)
    async with following(served, stranger) as socket:
        await commander.declares()
        mine = await stranger.declares()
        assert (await next_message(socket))["subject"] == mine["id"]


async def test_a_browser_signs_in_by_subprotocol(served: Served, commander: Somebody) -> None:
    url = f"ws://127.0.0.1:{served.port}/v1/stream"
    offered = [Subprotocol("access_token"), Subprotocol(commander.token)]
    async with connect(url, subprotocols=offered, proxy=None) as socket:
        assert socket.subprotocol == "access_token"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("after=soon", 422),
        ("topics=weather", 422),
        ("topics=members:INC-3", 422),
        (f"topics={'incidents,' * (MOST_TOPICS + 1)}", 422),
        ("after=9999", 410),
    ],
)
async def test_a_wrong_question_is_refused_with_a_problem(
    served: Served, commander: Somebody, query: str, status: int
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with following(served, commander, query):
            pass
    assert refused.value.response.status_code == status
    problem = from_json(refused.value.response.body or b"")
    assert (problem["status"], bool(problem["instance"])) == (status, True)


async def test_without_a_token_nobody_follows(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://127.0.0.1:{served.port}/v1/stream", proxy=None):
            pass
    assert refused.value.response.status_code == 401
    assert [line for line in caplog.records if line.levelname == "ERROR"] == []


async def test_a_suspended_member_is_cut_off(served: Served, owner: Somebody) -> None:
    member = await served.somebody(Role.RESPONDER, tenant=owner.tenant)
    async with following(served, member) as socket:
        stream = membership_stream(owner.tenant, member.id)
        await served.process.write_model.handle(
            stream, SuspendMember(reason="Left"), by=system_actor(owner.tenant)
        )
        with pytest.raises(ConnectionClosedError) as closed:
            await everything(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


async def test_a_slow_subscriber_is_closed_with_where_to_resume(settings: Settings) -> None:
    ring = Ring(at_most=4)
    async with serving(settings, server(settings, ring=ring)) as served:
        commander = await served.somebody(Role.INCIDENT_COMMANDER)
        incident = await commander.declares()
        last = incident["position"]
        async with following(served, commander, f"after={last}") as socket:
            # It is in no log, so it can only come from the ring.
            ring.publish([note(commander, incident, last + 1)])
            assert (await next_message(socket))["position"] == last + 1
            # More in one turn of the loop than the ring holds: nobody could have kept up.
            ring.publish([note(commander, incident, last + n) for n in range(2, 12)])
            with pytest.raises(ConnectionClosedError) as closed:
                await next_message(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1013
    assert closed.value.rcvd.reason == f"too slow; resume after {last + 1}"
    assert served.process.fan_out.closed == {1013: 1}


async def test_whoever_is_caught_up_stays_when_others_fill_the_ring(settings: Settings) -> None:
    ring = Ring(at_most=2)
    async with serving(settings, server(settings, ring=ring)) as served:
        commander = await served.somebody(Role.INCIDENT_COMMANDER)
        stranger = await served.somebody(Role.INCIDENT_COMMANDER)
        async with following(served, commander) as socket:
            first = await commander.declares()
            assert (await next_message(socket))["position"] == first["position"]
            async with following(served, stranger) as another:
                for _ in range(3):
                    await stranger.declares()
                    await next_message(another)
            second = await commander.declares()
            assert (await next_message(socket))["position"] == second["position"]


async def test_a_live_subscriber_is_told_once_from_the_log_what_the_ring_lost(
    settings: Settings,
) -> None:
    async with serving(settings, server(settings, ring=Ring(at_most=1))) as served:
        commander = await served.somebody(Role.INCIDENT_COMMANDER)
        async with following(served, commander, "topics=incidents") as socket:
            both = [await commander.declares() for _ in range(2)]
            told = [(await next_message(socket))["position"] for _ in range(2)]
            assert told == [incident["position"] for incident in both]
            # Both in one commit: the ring has room for the second only.
            asked = [Asked(UUID(incident["id"]), AcknowledgeIncident()) for incident in both]
            by = Actor(commander.id, commander.tenant, frozenset({Role.INCIDENT_COMMANDER}))
            await served.process.write_model.handle_all(asked, by=by)
            told = [(await next_message(socket))["position"] for _ in range(2)]
            assert told == [both[1]["position"] + 1, both[1]["position"] + 2]


async def test_without_the_database_a_subscriber_is_closed_with_where_to_resume(
    settings: Settings, database: Database
) -> None:
    hasty = settings.model_copy(update={"command_deadline_s": 0.5})
    async with serving(hasty) as served:
        commander = await served.somebody(Role.INCIDENT_COMMANDER)
        async with following(served, commander) as socket:
            incident = await commander.declares()
            await next_message(socket)
            cut_off(database)
            # He is looked up again, as when the tail is lost.
            served.identity.distrust()
            with (
                capture_logs([merge_contextvars]) as logs,
                pytest.raises(ConnectionClosedError) as closed,
            ):
                await everything(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    reason = f"trouble on our side; resume after {incident['position']}"
    assert closed.value.rcvd.reason == reason
    [let_down] = [line for line in logs if line["event"] == "a_subscriber_was_let_down"]
    assert str(UUID(let_down["request_id"])) == let_down["request_id"]


def note(who: Somebody, incident: dict[str, Any], position: int) -> Header:
    return Header(
        topic="incident.note_added",
        stream=UUID(incident["id"]),
        version=2,
        position=0,
        tenant=who.tenant,
        tenant_position=position,
        number=1,
        actor=who.id,
        recorded_at=datetime.now(UTC),
        occurred_at=datetime.now(UTC),
        schema_version=1,
        fields=("text",),
        epoch=1,
    )


async def test_a_restart_says_where_to_resume(settings: Settings) -> None:
    async with serving(settings) as served:
        commander = await served.somebody(Role.INCIDENT_COMMANDER)
        incident = await commander.declares()
        async with following(served, commander, "after=0&topics=incidents") as socket:
            assert (await next_message(socket))["position"] == incident["position"]
            served.server.should_exit = True
            with pytest.raises(ConnectionClosedError) as closed:
                await next_message(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    assert closed.value.rcvd.reason == f"restarting; resume after {incident['position']}"


async def test_who_does_not_read_keeps_nobody_waiting(settings: Settings) -> None:
    ring = Ring(at_most=10_000)
    async with serving(settings, server(settings, ring=ring)) as served:
        commander = await served.somebody(Role.INCIDENT_COMMANDER)
        incident = await commander.declares()
        last = incident["position"]
        query = f"after={last}"
        async with (
            following(served, commander, query) as stuck,
            following(served, commander, query) as sees,
        ):
            # The first of them never reads, and what is on the way to it is far beyond its buffers.
            for begin in range(1, 8_001, 400):
                ring.publish([note(commander, incident, last + begin + n) for n in range(400)])
                told = [(await next_message(sees))["position"] for _ in range(400)]
                assert told == [last + begin + n for n in range(400)]
            stuck.transport.abort()  # else its farewell would wait in vain for ten seconds


async def ticket_of(who: Somebody) -> str:
    answer = await who.post("/v1/stream/tickets")
    assert answer.status_code == 201, answer.text
    assert told(answer)["expires_in"] == 30
    return str(told(answer)["ticket"])


@asynccontextmanager
async def by_ticket(served: Served, ticket: str) -> AsyncGenerator[ClientConnection]:
    async with connect(f"ws://127.0.0.1:{served.port}/v1/stream?ticket={ticket}", proxy=None) as it:
        yield it


async def test_a_ticket_opens_the_stream_once(served: Served, commander: Somebody) -> None:
    ticket = await ticket_of(commander)
    async with by_ticket(served, ticket) as socket:
        incident = await commander.declares()
        assert (await next_message(socket))["subject"] == incident["id"]
    for spent in (ticket, ticket[:-4] + "AAAA", "made-up", commander.token):
        with pytest.raises(InvalidStatus) as refused:
            async with by_ticket(served, spent):
                pass
        assert refused.value.response.status_code == 401
    assert (
        await commander.http.get("/v1/me", headers={"Authorization": f"Bearer {ticket}"})
    ).status_code == 401


async def test_a_ticket_is_good_once_also_without_redis(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"redis_url": f"unix://{settings.home}/nowhere.sock"})
    async with serving(nowhere) as served:
        commander = await served.somebody(Role.INCIDENT_COMMANDER)
        ticket = await ticket_of(commander)
        async with by_ticket(served, ticket):
            pass
        with pytest.raises(InvalidStatus):
            async with by_ticket(served, ticket):
                pass


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://desk.example", 101),
        ("http://127.0.0.1:{port}", 101),
        ("https://elsewhere.example", 403),
        ("null", 403),
    ],
)
async def test_only_pages_of_allowed_origins_may_follow(
    settings: Settings, origin: str, status: int
) -> None:
    allowing = settings.model_copy(update={"allowed_origins": ("https://desk.example",)})
    async with serving(allowing) as served:
        commander = await served.somebody(Role.INCIDENT_COMMANDER)
        url = f"ws://127.0.0.1:{served.port}/v1/stream"
        headers = {
            "Authorization": f"Bearer {commander.token}",
            "Origin": origin.format(port=served.port),
        }
        try:
            async with connect(url, additional_headers=headers, proxy=None):
                found = 101
        except InvalidStatus as refused:
            found = refused.response.status_code
        assert found == status


async def test_another_token_of_the_same_person_lets_a_subscriber_stay(
    settings: Settings, served: Served, commander: Somebody
) -> None:
    stranger = await served.somebody(Role.OWNER)
    other = AccessTokens(settings.master_secret(), wall_clock).issue(commander.id, commander.tenant)
    async with following(served, commander) as socket:
        await socket.send("anything else")
        await socket.send(to_json({"access_token": other}).decode())
        assert await next_message(socket) == {"type": "stream.token_taken"}
        incident = await commander.declares()
        assert (await next_message(socket))["subject"] == incident["id"]
        await socket.send(to_json({"access_token": stranger.token}).decode())
        with pytest.raises(ConnectionClosedError) as closed:
            await everything(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    assert closed.value.rcvd.reason == f"signed out or expired; resume after {incident['position']}"


async def test_a_token_that_runs_out_ends_it_where_nothing_happens(
    settings: Settings, served: Served, commander: Somebody
) -> None:
    def nearly_ten_minutes_ago() -> datetime:
        return datetime.now(UTC) - LIVES + timedelta(seconds=2)

    tokens = AccessTokens(settings.master_secret(), nearly_ten_minutes_ago)
    late = replace(commander, token=tokens.issue(commander.id, commander.tenant))
    async with following(served, late) as socket:
        with pytest.raises(ConnectionClosedError) as closed:
            await everything(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


@pytest.mark.parametrize("is_another", [False, True], ids=["this process", "another process"])
async def test_a_commit_wakes_who_follows(
    settings: Settings, is_another: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody looks by himself, so whatever comes was told.
    for pause in ("_SHORTEST_PAUSE_S", "_LONGEST_PAUSE_S"):
        monkeypatch.setattr(f"api.following.{pause}", 3_600.0)
    # So nobody hears of the log by himself either, and must not think it lost.
    trusting = settings.model_copy(update={"tail_trust_s": 3_600.0})
    async with serving(trusting) as here, serving(trusting) as there:
        commander = await here.somebody(Role.INCIDENT_COMMANDER)
        where = there if is_another else here
        async with following(where, commander) as socket:
            assert (await woken_by(commander, socket))["type"] == "incident.declared"


async def woken_by(commander: Somebody, socket: ClientConnection) -> dict[str, Any]:
    """It listens a moment after the first subscriber has come."""
    for _ in range(50):
        await commander.declares()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                message: dict[str, Any] = from_json(await socket.recv())
                return message
    raise AssertionError("Nothing was told.")
