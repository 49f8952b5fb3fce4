"""What is written down of who saw what is personal, and of who was refused."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from tests.api.serving import LEAK, Served, Somebody, serving, told
from tests.api.test_stream import everything, following
from tests.embedded import SUPERUSER, Database, until
from write_model.kernel.access import Role, system_actor
from write_model.kernel.ids import new_id
from write_model.kernel.settings import Settings
from write_model.membership.commands import ChangeRoles
from write_model.membership.membership import membership_stream

Entries = list[tuple[Any, ...]]


def written_down(database: Database, who: Somebody) -> Entries:
    with psycopg.connect(database.conninfo(SUPERUSER)) as connection:
        return connection.execute(
            "SELECT what, permission, target, outcome FROM access.access_log"
            " WHERE tenant_id = %s AND actor_id = %s ORDER BY at",
            (who.tenant, who.id),
        ).fetchall()


async def soon_written_down(database: Database, who: Somebody, *, count: int = 1) -> Entries:
    def are_there() -> bool:
        return len(written_down(database, who)) >= count

    await asyncio.to_thread(until, are_there, "it is written down")
    return written_down(database, who)


@pytest.mark.usefixtures("projector")
@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/incidents/inc-1?", "/v1/incidents/{id}"),
        ("/v1/incidents/inc-1/history?limit=9&", "/v1/incidents/{id}/history"),
        ("/v1/incidents/inc-1/timeline?", "/v1/incidents/{id}/timeline"),
        ("/v1/events?after=1&limit=9&", "/v1/events"),
    ],
)
async def test_who_opens_what_an_injured_person_is_called_is_written_down(
    served: Served, commander: Somebody, database: Database, path: str, route: str
) -> None:
    incident = await commander.declares(injured="Grace Hopper")
    answer = await commander.get(f"{path}min_position={incident['position']}")
    assert "Grace Hopper" in answer.text
    [entry] = await soon_written_down(database, commander)
    target = path.rstrip("?&").replace("inc-1", "INC-1")
    assert entry == (f"GET {route}", "incident.personal", target, "shown")


@pytest.mark.usefixtures("projector")
async def test_who_is_shown_names_only_is_written_down_as_such(
    served: Served, commander: Somebody, database: Database
) -> None:
    incident = await commander.declares(injured="Grace Hopper")
    viewer = await served.somebody(Role.VIEWER, tenant=commander.tenant)
    path = f"/v1/incidents/{incident['id']}"
    for rest in (f"?min_position={incident['position']}", "/history", "/timeline"):
        await viewer.get(path + rest)
    [entry] = await soon_written_down(database, viewer)
    assert entry == ("GET /v1/incidents/{id}", "incident.read", path, "shown")


@pytest.mark.usefixtures("projector")
async def test_who_has_the_document_already_is_shown_nothing(
    served: Served, commander: Somebody, database: Database
) -> None:
    incident = await commander.declares()
    path = f"/v1/incidents/INC-1?min_position={incident['position']}"
    etag = (await commander.get(path)).headers["ETag"]
    assert (await commander.get(path, If_None_Match=etag)).status_code == 304
    assert len(await soon_written_down(database, commander)) == 1


async def test_who_looks_people_up_is_written_down_with_whom(
    served: Served, owner: Somebody, database: Database
) -> None:
    await owner.get(f"/v1/people?ids={new_id()},{owner.id.hex},{owner.id}")
    await owner.get("/v1/members")
    assert await soon_written_down(database, owner, count=2) == [
        ("GET /v1/people", "people.read", f"/v1/people?ids={owner.id}", "shown"),
        ("GET /v1/members", "members.manage", "/v1/members", "shown"),
    ]


async def test_of_many_people_looked_up_the_first_are_written_down_whole(
    owner: Somebody, database: Database
) -> None:
    crew = {"people": [{"name": f"Person {number}"} for number in range(30)]}
    ids = [item["id"] for item in told(await owner.post("/v1/people", crew))["items"]]
    await owner.get(f"/v1/people?ids={','.join(ids)}")
    [entry] = await soon_written_down(database, owner)
    assert entry[2] == f"/v1/people?ids={','.join(ids[:27])},...+3"


async def test_who_is_shown_nobody_is_not_written_down(
    served: Served, owner: Somebody, database: Database
) -> None:
    await owner.get(f"/v1/people?ids={new_id()}")
    await owner.get(f"/v1/people?ids={owner.id}")
    [entry] = await soon_written_down(database, owner)
    assert str(owner.id) in entry[2]


async def test_a_stream_that_is_refused_is_written_down(served: Served, database: Database) -> None:
    reporter = await served.somebody(Role.REPORTER)
    with pytest.raises(InvalidStatus) as refused:
        async with following(served, reporter, "topics=members"):
            pass
    assert refused.value.response.status_code == 403
    [entry] = await soon_written_down(database, reporter)
    assert entry == ("WS /v1/stream", "events.read", "/v1/stream", "forbidden")


async def test_a_stream_that_is_cut_off_is_written_down(
    served: Served, owner: Somebody, database: Database
) -> None:
    viewer = await served.somebody(Role.VIEWER, tenant=owner.tenant)
    async with following(served, viewer, "topics=members") as socket:
        stream = membership_stream(owner.tenant, viewer.id)
        command = ChangeRoles(roles=frozenset({Role.REPORTER}))
        await served.process.write_model.handle(stream, command, by=system_actor(owner.tenant))
        with pytest.raises(ConnectionClosedError):
            await everything(socket)
    [entry] = await soon_written_down(database, viewer)
    assert entry == ("WS /v1/stream", "events.read", "/v1/stream", "forbidden")


@pytest.mark.parametrize(
    ("content", "kind", "outcome"),
    [
        (b"oil", "application/json", "malformed"),
        (b'{"colour": "red"}', "application/json", "validation"),
        (b"oil", "text/plain", "unsupported_media_type"),
        (b"0" * (1024 * 1024 + 1), "application/json", "payload_too_large"),
    ],
    ids=["malformed", "validation", "unsupported_media_type", "payload_too_large"],
)
async def test_whose_body_is_refused_is_written_down_without_it(
    commander: Somebody, database: Database, content: bytes, kind: str, outcome: str
) -> None:
    await commander.send("/v1/incidents", content, Content_Type=kind)
    [entry] = await soon_written_down(database, commander)
    assert entry == ("POST /v1/incidents", "", "/v1/incidents", outcome)


async def test_who_is_told_to_come_later_is_written_down(
    settings: Settings, database: Database
) -> None:
    settings = settings.model_copy(update={"commands_a_minute_of_actor": 1})
    async with serving(settings) as served:
        ada = await served.somebody(Role.INCIDENT_COMMANDER)
        statuses = [(await ada.post("/v1/incidents", LEAK)).status_code for _ in range(3)]
        [entry, *_] = await soon_written_down(database, ada)
    assert 429 in statuses
    assert entry == ("POST /v1/incidents", "", "/v1/incidents", "rate_limited")
