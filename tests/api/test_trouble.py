"""What a caller can rely on when something is wrong on our side, or was refused."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

import httpx2
import psycopg
import pytest
import structlog
from psycopg import sql

from tests.api.serving import LEAK, Served, Somebody, serving, soon, told
from tests.embedded import SUPERUSER, TEMPLATE, Database, until
from write_model.kernel.access import Role
from write_model.kernel.logs import configure_logs
from write_model.kernel.settings import Settings

IN_CAPITALS = "0198F1A2-0000-7000-8000-0000000000AB"


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the process writes into its log."""
    text = io.StringIO()
    configure_logs(to=text)
    yield text
    structlog.reset_defaults()


async def test_a_lost_database_is_told_to_come_back_to(
    settings: Settings, database: Database
) -> None:
    async with cut_off_while_serving(settings, database) as (served, commander):
        for answer in (
            await commander.post("/v1/incidents", LEAK),
            await commander.get("/v1/incidents"),
            await commander.get("/v1/incidents/INC-1"),
        ):
            assert (answer.status_code, told(answer)["code"]) == (503, "unavailable")
            assert answer.headers["Retry-After"] == "1"
        ready = await served.http.get("/readyz")
        assert (ready.status_code, told(ready)["status"]) == (503, "unavailable")
        assert (await served.http.get("/livez")).status_code == 200


async def test_every_line_that_is_logged_for_a_request_names_it(
    settings: Settings, database: Database, logged: io.StringIO
) -> None:
    async with cut_off_while_serving(settings, database) as (_, commander):
        await commander.get("/v1/incidents", X_Request_Id="list", X_Correlation_Id=IN_CAPITALS)
        await commander.get("/v1/incidents/INC-1", X_Request_Id="one")
        await commander.post("/v1/incidents", LEAK, X_Request_Id="command")
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    told = [line for line in lines if line["event"] == "no_answer_from_the_database"]
    assert [line["request_id"] for line in told] == ["list", "one", "command"]
    assert [line.get("correlation_id") for line in told] == [IN_CAPITALS.lower(), None, None]
    assert not any("request_id" in line for line in lines if line["event"].startswith("the_tail"))


async def test_a_line_for_each_request_is_there_for_who_asks_for_it(served: Served) -> None:
    text = io.StringIO()
    configure_logs("DEBUG", to=text)
    await served.http.get("/livez", headers={"X-Request-Id": "alive"})
    structlog.reset_defaults()
    [line] = [json.loads(line) for line in text.getvalue().splitlines()]
    assert (line["event"], line["route"], line["status"]) == ("request", "/livez", 200)
    assert line["request_id"] == "alive"


@contextlib.asynccontextmanager
async def cut_off_while_serving(
    settings: Settings, database: Database
) -> AsyncGenerator[tuple[Served, Somebody]]:
    """A server that knows a commander, gives up soon and has lost its database."""
    async with serving(settings) as served:
        patient = await served.somebody(Role.INCIDENT_COMMANDER)
    async with serving(settings.model_copy(update={"command_deadline_s": 0.5})) as served:
        commander = replace(patient, http=served.http)
        await soon(partial(commander.post, "/v1/incidents", LEAK), 201)
        cut_off(database)
        yield served, commander


def cut_off(database: Database) -> None:
    """Nobody comes in any more, and whoever is inside is thrown out."""
    elsewhere = Database(TEMPLATE, database.sockets).conninfo(SUPERUSER)
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        closed = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false")
        connection.execute(closed.format(sql.Identifier(database.name)))
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            (database.name,),
        )


async def test_a_projector_that_stands_still_is_told(served: Served, database: Database) -> None:
    await (await served.somebody(Role.OWNER)).declares()
    assert told(await served.http.get("/readyz")) == {"status": "ok"}
    aged(database, timedelta(seconds=11))
    answer = await served.http.get("/readyz")
    assert (answer.status_code, told(answer)["status"]) == (200, "unhealthy")
    assert "No projector is running" in told(answer)["reason"]


def aged(database: Database, age: timedelta) -> None:
    """Make all that happened, and what the projector did last, older."""
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE log.events SET recorded_at = recorded_at - %s", (age,))
        connection.execute("UPDATE projections.checkpoint SET applied_at = applied_at - %s", (age,))


async def test_a_record_that_cannot_be_read_is_our_fault_and_not_the_callers(
    settings: Settings, database: Database, logged: io.StringIO
) -> None:
    async with serving(settings) as served:
        commander = await served.somebody(Role.INCIDENT_COMMANDER)
        await commander.declares()
    damaged(database, "incident.declared", b'{"title": {"injured": "Grace Hopper"}}')
    # Another process, which remembers nothing of it.
    async with serving(settings) as served:
        commander = replace(commander, http=served.http)
        is_our_fault(await commander.get("/v1/incidents/INC-1/actions"))
        is_our_fault(await commander.post("/v1/incidents/INC-1/acknowledge"))
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    failed = [line for line in lines if line["event"] == "request_failed"]
    assert [line["level"] for line in failed] == ["error"] * 2
    assert "title" in logged.getvalue()
    assert "Hopper" not in logged.getvalue()


async def test_a_member_who_cannot_be_read_is_our_fault_too(
    settings: Settings, database: Database, logged: io.StringIO
) -> None:
    async with serving(settings) as served:
        owner = await served.somebody(Role.OWNER)
    damaged(database, "membership.invited", b'{"name": "Ada Forklift"}')
    async with serving(settings) as served:
        is_our_fault(await replace(owner, http=served.http).get("/v1/me"))
    assert "Ada" not in logged.getvalue()


def damaged(database: Database, topic: str, state: bytes) -> None:
    """The stored events of a topic are no longer what they were."""
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE log.events SET state = %s WHERE topic = %s", (state, topic))


def is_our_fault(answer: httpx2.Response) -> None:
    assert (answer.status_code, told(answer)["code"]) == (500, "internal")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert told(answer)["instance"] == answer.headers["X-Request-Id"]


async def test_a_refusal_is_written_down_beside_the_log(
    served: Served, commander: Somebody, database: Database
) -> None:
    incident = await commander.declares()
    viewer = await served.somebody(Role.VIEWER, tenant=commander.tenant)
    await viewer.post(f"/v1/incidents/{incident['id']}/acknowledge")
    await asyncio.to_thread(until, lambda: bool(written_down(database)), "it is written down")
    path = f"/v1/incidents/{incident['id']}/acknowledge"
    what = "POST /v1/incidents/{id}/acknowledge"
    assert written_down(database) == [(viewer.id, what, "incident.respond", path, "forbidden")]


@pytest.mark.parametrize(
    ("named", "target"),
    [
        ("inc-1", "/v1/incidents/INC-1/acknowledge"),
        (IN_CAPITALS, f"/v1/incidents/{IN_CAPITALS.lower()}/acknowledge"),
        ("Ada%20Quist", "/v1/incidents/{id}/acknowledge"),
        ("TEL-4712345678", "/v1/incidents/{id}/acknowledge"),
        ("%00", "/v1/incidents/{id}/acknowledge"),
        ("x" * 36, "/v1/incidents/{id}/acknowledge"),
    ],
)
async def test_what_a_refused_address_says_is_written_down_only_where_it_names_a_record(
    served: Served, database: Database, named: str, target: str
) -> None:
    responder = await served.somebody(Role.RESPONDER)
    # That he stands for no old system's row is said before the record is looked for.
    imported = {"imported": {"row": 1}}
    answer = await responder.post(f"/v1/incidents/{named}/acknowledge", imported)
    assert answer.status_code == 403
    await served.identity.access_log.flush()
    await asyncio.to_thread(until, lambda: bool(written_down(database)), "it is written down")
    what = "POST /v1/incidents/{id}/acknowledge"
    assert written_down(database) == [(responder.id, what, "records.import", target, "forbidden")]


def written_down(database: Database) -> list[tuple[object, ...]]:
    with psycopg.connect(database.conninfo(SUPERUSER)) as connection:
        return connection.execute(
            "SELECT actor_id, what, permission, target, outcome FROM access.access_log"
        ).fetchall()
