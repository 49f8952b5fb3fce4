"""An owner sees what could not be applied, and lets it be tried again or left out."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from tests.api.serving import Served, Somebody, told
from tests.api.test_trouble import damaged
from tests.embedded import SUPERUSER, Database
from write_model.kernel.access import Role

pytestmark = pytest.mark.usefixtures("projector")

LIST = "/v1/admin/dead-letters"


@pytest.fixture
async def declared(served: Served, database: Database, owner: Somebody) -> dict[str, Any]:
    """Of two incidents; what the first one's acknowledgement says cannot be read."""
    declared = await owner.declares()
    await owner.declares()
    pause(database)
    await owner.post("/v1/incidents/INC-1/acknowledge")
    await owner.post("/v1/incidents/INC-1/notes", {"text": "A puddle"})
    damaged(database, "incident.acknowledged", b'{"deviations": 7}')
    pause(database, paused=False)
    await until_parked(owner, 1)
    return declared


def pause(database: Database, *, paused: bool = True) -> None:
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as connection:
        connection.execute("UPDATE projections.checkpoint SET paused = %s", (paused,))


async def until_parked(who: Somebody, records: int) -> dict[str, Any]:
    """The list once it has so many and nothing is about to be tried."""
    async with asyncio.timeout(20):
        while True:
            listed = told(await who.get(LIST))
            if listed["records"] == records and not any(each["asked"] for each in listed["items"]):
                return listed
            await asyncio.sleep(0.02)


async def test_one_event_that_raises_keeps_nothing_else_back(
    served: Served, owner: Somebody, declared: dict[str, Any]
) -> None:
    last = await owner.declares()
    shown = f"min_position={last['position']}"
    listed = told(await owner.get(f"/v1/incidents?facets=status&{shown}"))
    assert (len(listed["items"]), listed["parked"], "stale" in listed) == (3, 1, False)
    assert told(await owner.get("/v1/incidents/INC-1"))["stale"]
    for other in ("INC-2", "INC-3"):
        assert "stale" not in told(await owner.get(f"/v1/incidents/{other}?{shown}"))
    feed = told(await owner.get(f"/v1/events?{shown}"))
    assert [each["position"] for each in feed["items"]] == [*range(1, last["position"] + 1)]
    ready = told(await served.http.get("/readyz"))
    assert ready["status"] == "degraded"
    assert ready["reason"].startswith("1 record is parked")


async def test_the_list_tells_what_is_parked_and_why(
    served: Served, owner: Somebody, declared: dict[str, Any]
) -> None:
    listed = told(await owner.get(LIST))
    [item] = listed["items"]
    assert "deviations" in item.pop("reason")
    assert item.pop("since").endswith("Z")
    assert item == {
        "stream": declared["id"],
        "reference": "INC-1",
        "version": 2,
        "type": "incident.acknowledged",
        "position": declared["position"] + 2,
        "behind": 1,
        "asked": None,
    }
    assert (listed["records"], listed["events"]) == (1, 2)
    stranger = await served.somebody(Role.OWNER)
    assert told(await stranger.get(LIST)) == {"items": [], "records": 0, "events": 0}


@pytest.mark.parametrize("named", ["INC-1", "id"])
async def test_what_was_mended_is_brought_in_when_it_is_asked_for(
    database: Database, owner: Somebody, declared: dict[str, Any], named: str
) -> None:
    assert told(await owner.get("/v1/incidents/INC-1"))["stale"]
    damaged(database, "incident.acknowledged", b"{}")
    answer = await owner.post(f"{LIST}/{declared.get(named, named)}/retry")
    assert (answer.status_code, told(answer)) == (
        202,
        {"stream": declared["id"], "asked": "retry"},
    )
    await until_parked(owner, 0)
    incident = told(await owner.get("/v1/incidents/INC-1"))
    assert (incident["status"], incident["version"]) == ("in_progress", 3)
    assert "stale" not in incident
    history = told(await owner.get("/v1/incidents/INC-1/history"))["items"]
    assert {"field": "status", "from": "open", "to": "in_progress"} in history[1]["changes"]
    assert "parked" not in told(await owner.get("/v1/incidents"))


async def test_what_still_cannot_be_applied_stays_in_the_list(
    database: Database, owner: Somebody, declared: dict[str, Any]
) -> None:
    damaged(database, "incident.acknowledged", b"[]")
    await owner.post(f"{LIST}/INC-1/retry")
    [item] = (await until_parked(owner, 1))["items"]
    assert "dataclass" in item["reason"]


async def test_an_event_that_nobody_can_apply_is_left_out(
    served: Served, owner: Somebody, declared: dict[str, Any]
) -> None:
    wanted = {"version": 2, "reason": "Nobody can read it"}
    assert (await owner.post(f"{LIST}/INC-1/skip", wanted)).status_code == 202
    await until_parked(owner, 0)
    incident = told(await owner.get("/v1/incidents/INC-1"))
    assert (incident["status"], len(incident["notes"])) == ("open", 1)
    assert told(await served.http.get("/readyz")) == {"status": "ok"}


async def test_another_event_than_was_meant_is_not_left_out(
    owner: Somebody, declared: dict[str, Any]
) -> None:
    answer = await owner.post(f"{LIST}/INC-1/skip", {"version": 3, "reason": "A guess"})
    assert (answer.status_code, told(answer)["code"]) == (409, "conflict")
    assert "has version 2" in told(answer)["detail"]
    silent = await owner.post(f"{LIST}/INC-1/skip", {"version": 2})
    assert (silent.status_code, told(silent)["code"]) == (422, "validation")
    assert told(await owner.get(LIST))["items"][0]["asked"] is None


async def test_of_another_organization_nothing_is_parked(
    served: Served, declared: dict[str, Any]
) -> None:
    stranger = await served.somebody(Role.OWNER)
    for named in (declared["id"], "INC-1"):
        answer = await stranger.post(f"{LIST}/{named}/retry")
        assert (answer.status_code, told(answer)["code"]) == (404, "not_found")


async def test_only_who_may_manage_projections_sees_and_does_it(
    served: Served, owner: Somebody, declared: dict[str, Any]
) -> None:
    commander = await served.somebody(Role.INCIDENT_COMMANDER, tenant=owner.tenant)
    for answer in (await commander.get(LIST), await commander.post(f"{LIST}/INC-1/retry")):
        assert (answer.status_code, told(answer)["code"]) == (403, "forbidden")
    admin = await served.somebody(Role.ADMIN, tenant=owner.tenant)
    assert told(await admin.get(LIST))["records"] == 1
