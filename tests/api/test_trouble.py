"""What a caller can rely on when something is wrong on our side, or was refused."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import psycopg
from psycopg import sql

from tests.api.serving import LEAK, Served, Somebody, serving, told
from tests.embedded import SUPERUSER, TEMPLATE, Database, until
from write_model.kernel.access import Role
from write_model.kernel.settings import Settings


async def test_a_lost_database_is_told_to_come_back_to(
    settings: Settings, database: Database
) -> None:
    hasty = settings.model_copy(update={"command_deadline_s": 0.5})
    async with serving(hasty) as served:
        commander = await served.somebody(Role.INCIDENT_COMMANDER)
        await commander.declares()
        cut_off(database)
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
    assert (answer.status_code, told(answer)["status"]) == (200, "degraded")
    assert "No projector is running" in told(answer)["reason"]


def aged(database: Database, age: timedelta) -> None:
    """Make all that happened, and what the projector did last, older."""
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE log.events SET recorded_at = recorded_at - %s", (age,))
        connection.execute("UPDATE projections.checkpoint SET applied_at = applied_at - %s", (age,))


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


def written_down(database: Database) -> list[tuple[object, ...]]:
    with psycopg.connect(database.conninfo(SUPERUSER)) as connection:
        return connection.execute(
            "SELECT actor_id, what, permission, target, outcome FROM access.access_log"
        ).fetchall()
