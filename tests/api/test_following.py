"""What a process does when the log it follows is not the one it knew."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from pydantic_core import from_json
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from api.supervising import supervised
from projections.engine.log import Connection
from tests.api.pushing.test_server_sent import events, next_event
from tests.api.serving import Served, Somebody, serving, told
from tests.api.test_metrics import measured
from tests.api.test_stream import by_ticket, everything, following, next_message
from tests.api.test_trouble import cut_off
from tests.embedded import SUPERUSER, Database, until
from write_model.incident.incident import INCIDENT
from write_model.kernel.access import Role
from write_model.kernel.errors import SubjectErased
from write_model.kernel.ids import new_id
from write_model.kernel.settings import Settings


@pytest.fixture
def admin(database: Database) -> Iterator[Connection]:
    """As the superuser, who may change what has happened."""
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        yield connection


def restore(admin: Connection, through: int) -> None:
    """What a restored backup looks like: the tail is gone, and the epoch raised."""
    with admin.transaction():
        admin.execute("DELETE FROM log.events WHERE notification_id > %s", (through,))
        admin.execute(
            "INSERT INTO log.epochs (epoch, first_position, reason) VALUES (2, %s, 'restored')",
            (through + 1,),
        )


def last_position(admin: Connection) -> int:
    [row] = admin.execute("SELECT max(notification_id) FROM log.events").fetchall()
    return int(row[0])


async def logged(logs: Sequence[Mapping[str, Any]], event: str) -> None:
    await asyncio.to_thread(until, lambda: any(each["event"] == event for each in logs), event)


async def test_after_a_restore_nothing_of_the_lost_branch_is_believed(
    served: Served, commander: Somebody, admin: Connection
) -> None:
    await commander.declares()
    kept = last_position(admin)
    async with following(served, commander, "topics=incidents") as socket:
        lost = await commander.declares()
        await next_message(socket)
        restore(admin, kept)
        with pytest.raises(ConnectionClosedError) as closed:
            await everything(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    assert closed.value.rcvd.reason == "the log was restored; start anew"
    records = served.process.write_model.records
    assert records.known(commander.tenant, UUID(lost["id"]), INCIDENT) is None
    assert (await commander.get(f"/v1/events?after={lost['position']}")).status_code == 410
    async with following(served, commander) as socket:
        anew = await commander.declares()
        message = await next_message(socket)
    assert (message["subject"], message["reference"]) == (anew["id"], "INC-2")
    assert message["position"] == lost["position"]


@pytest.mark.usefixtures("projector")
async def test_a_position_given_out_again_is_not_taken_for_the_lost_one(
    served: Served, commander: Somebody, admin: Connection
) -> None:
    await commander.declares()
    kept = last_position(admin)
    lost = await commander.declares()
    page = told(await commander.get(f"/v1/events?after=0&min_position={lost['position']}"))
    assert (page["next"], page["epoch"]) == (lost["position"], 1)
    with capture_logs() as logs:
        restore(admin, kept)
        anew = await commander.declares()
        await logged(logs, "the_log_branched")
    assert anew["position"] == lost["position"]
    resumed = f"after={page['next']}&epoch={page['epoch']}"
    assert (await commander.get(f"/v1/events?{resumed}")).status_code == 410
    with pytest.raises(InvalidStatus) as refused:
        async with following(served, commander, resumed):
            pass
    assert refused.value.response.status_code == 410
    before = f"after={page['next'] - 1}&epoch=1"
    assert (await commander.get(f"/v1/events?{before}")).status_code == 200
    async with following(served, commander, before) as socket:
        message = await next_message(socket)
    assert (message["position"], message["epoch"]) == (anew["position"], 2)


async def test_without_the_tail_no_opened_key_is_believed(
    served: Served, commander: Somebody, admin: Connection
) -> None:
    injured, keyring = new_id(), served.identity.keyring
    await keyring.keys_for(commander.tenant, [injured])
    admin.execute("SELECT personal.erase_keys(%s, %s)", (commander.tenant, [injured]))
    served.identity.distrust()
    with pytest.raises(SubjectErased):
        await keyring.keys_for(commander.tenant, [injured])


async def test_past_a_hole_nobody_is_told_anything(
    served: Served, commander: Somebody, admin: Connection
) -> None:
    with capture_logs() as logs:
        async with following(served, commander) as socket:
            incident = await commander.declares()
            await next_message(socket)
            await live(served, incident, commander)
            hole = last_position(admin) + 1
            skip_one(admin)
            await logged(logs, "hole_in_log")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.recv(), 0.3)
        # Nor does whoever resumes from the log read across it.
        served.process.ring.clear()
        async with following(served, commander, f"after={incident['position']}") as socket:
            with pytest.raises(ConnectionClosedError) as closed:
                await everything(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    [told] = [each for each in logs if each["event"] == "hole_in_log"]
    assert (told["position"], told["log_level"]) == (hole, "error")


async def test_past_a_hole_no_policies_are_believed(
    served: Served, commander: Somebody, admin: Connection
) -> None:
    policies = served.process.write_model.decider.policies
    with capture_logs() as logs:
        await commander.declares()
        assert policies.known(commander.tenant) is not None
        skip_one(admin)
        await logged(logs, "hole_in_log")
    await policies.of(commander.tenant)
    assert policies.known(commander.tenant) is None


async def test_after_a_restore_policies_are_remembered_anew(
    served: Served, commander: Somebody, admin: Connection
) -> None:
    policies = served.process.write_model.decider.policies
    with capture_logs() as logs:
        await commander.declares()
        restore(admin, last_position(admin) - 1)
        await logged(logs, "the_log_branched")
    assert policies.known(commander.tenant) is None
    await commander.declares()
    assert policies.known(commander.tenant) is not None


async def live(served: Served, incident: dict[str, Any], who: Somebody) -> None:
    """The ring has it too: a subscriber who is told before that was told from the log."""
    ring, position = served.process.ring, incident["position"]

    def is_there() -> bool:
        return bool(ring.after(who.tenant, position - 1, at_most=1))

    await asyncio.to_thread(until, is_there, "the tail is followed")


async def drips(served: Served, who: Somebody, incident: dict[str, Any]) -> None:
    """A note on it is written, and heard of."""
    noted = await who.post(f"/v1/incidents/{incident['id']}/notes", {"text": "It drips"})
    assert noted.status_code == 200, noted.text
    await live(served, told(noted), who)


async def test_the_tail_is_followed_though_every_connection_for_others_is_taken(
    served: Served, commander: Somebody
) -> None:
    incident = await commander.declares()
    # Until then the tail may forget who he is, and he is looked up again.
    await live(served, incident, commander)
    await drips(served, commander, incident)
    pool = served.process.pool
    taken = [await pool.getconn() for _ in range(pool.max_size)]
    try:
        # All that this needs is at hand.
        await drips(served, commander, incident)
    finally:
        for connection in taken:
            await pool.putconn(connection)


def skip_one(admin: Connection) -> None:
    """Say the last event again, two positions on."""
    admin.execute(
        "INSERT INTO log.events SELECT (l.e).* FROM (SELECT jsonb_populate_record(e, "
        "jsonb_build_object('notification_id', e.notification_id + 2, 'originator_version', 2,"
        " 'tenant_position', e.tenant_position + 2, 'number', NULL)) AS e"
        " FROM log.events e ORDER BY e.notification_id DESC LIMIT 1) l"
    )


async def test_a_tail_that_cannot_be_read_is_logged_once(
    settings: Settings, database: Database
) -> None:
    async with serving(settings.model_copy(update={"tail_trust_s": 2.0})) as served:
        await served.somebody(Role.VIEWER)
        with capture_logs() as logs:
            await asyncio.to_thread(cut_off, database)
            await logged(logs, "the_tail_is_lost")
            await asyncio.sleep(0.5)
    told = [each for each in logs if each["event"] == "the_tail_cannot_be_read"]
    assert [each["log_level"] for each in told] == ["warning"]
    assert "connection" in told[0]["reason"]


async def test_who_follows_where_the_log_is_out_of_reach_is_sent_elsewhere(
    settings: Settings, admin: Connection
) -> None:
    async with serving(settings.model_copy(update={"tail_trust_s": 4.0})) as served:
        commander = await served.somebody(Role.INCIDENT_COMMANDER)
        ticket = told(await commander.post("/v1/stream/tickets"))["ticket"]
        async with following(served, commander) as socket, events(served, commander) as coming:
            incident = await commander.declares()
            assert (await next_message(socket))["position"] == incident["position"]
            [await next_event(coming) for _ in range(2)]
            admin.execute("ALTER FUNCTION log.tail RENAME TO held_up")
            with pytest.raises(ConnectionClosedError) as closed:
                await everything(socket)
            last = await next_event(coming)
        assert closed.value.rcvd is not None
        reason = f"the log is out of reach here; resume after {incident['position']}"
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1014, reason)
        assert last["event"] == "end"
        assert from_json(last["data"]) == {"code": 1014, "reason": reason}
        assert (await measured(served))["api_subscribers_sent_away_total,1014"] == 2
        refused = await commander.http.get(f"/v1/stream?ticket={ticket}")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        admin.execute("ALTER FUNCTION log.held_up RENAME TO tail")
        await asyncio.to_thread(until, lambda: not served.process.ring.is_silent, "it is heard")
        async with by_ticket(served, ticket) as socket:
            incident = await commander.declares()
            assert (await next_message(socket))["position"] == incident["position"]


async def test_an_event_that_is_damaged_stops_nobody_who_follows(
    settings: Settings, admin: Connection
) -> None:
    async with serving(settings) as served:
        commander = await served.somebody(Role.INCIDENT_COMMANDER)
        first, second = await commander.declares(), await commander.declares()
    admin.execute(
        "UPDATE log.events SET state = '[]' WHERE tenant_id = %s AND tenant_position = %s",
        (commander.tenant, second["position"]),
    )
    async with (
        serving(settings) as served,
        following(served, commander, f"after={first['position']}") as socket,
    ):
        damaged = await next_message(socket)
        assert (damaged["position"], damaged["changed"]) == (second["position"], [])
        third = await replace(commander, http=served.http).declares()
        assert (await next_message(socket))["position"] == third["position"]


async def test_work_beside_requests_is_started_again_when_it_fails() -> None:
    tries = 0
    going = asyncio.Event()

    async def stumbles() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise KeyError("the forklift")
        going.set()
        await asyncio.Event().wait()

    with capture_logs() as logs:
        task = asyncio.create_task(supervised(stumbles, name="following", pause_s=0))
        async with asyncio.timeout(5):
            await going.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [(each["event"], each["work"]) for each in logs] == [
        ("work_beside_requests_failed", "following")
    ]
