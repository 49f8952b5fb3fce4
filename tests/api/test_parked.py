"""What a caller is told of a record whose later events could not be applied."""

from __future__ import annotations

import psycopg
import pytest

from projections.catalog import CATALOG
from projections.engine.checkpoint import Lease
from projections.engine.projector import Projector
from tests.api.serving import Served, Somebody, told
from tests.api.test_trouble import damaged
from tests.embedded import Database
from write_model.kernel.access import Role
from write_model.kernel.ids import new_id
from write_model.kernel.settings import TAILER


@pytest.fixture
async def commander(served: Served, database: Database) -> Somebody:
    """Has two incidents; what the first one's acknowledgement says cannot be read."""
    commander = await served.somebody(Role.INCIDENT_COMMANDER)
    await commander.declares()
    await commander.declares()
    await commander.post("/v1/incidents/INC-1/acknowledge")
    damaged(database, "incident.acknowledged", b'{"deviations": 7}')
    project(database)
    return commander


def project(database: Database) -> None:
    """Everything that has happened so far."""
    with psycopg.connect(database.conninfo(TAILER), autocommit=True) as connection:
        projector = Projector(connection, CATALOG, Lease(new_id()))
        while projector.step():
            pass
        projector.close()


@pytest.mark.parametrize("rest", ["", "/history", "/timeline", "/timeline?by=recorded_at"])
async def test_what_is_read_of_a_parked_record_is_stale(commander: Somebody, rest: str) -> None:
    parked = await commander.get(f"/v1/incidents/INC-1{rest}")
    other = await commander.get(f"/v1/incidents/INC-2{rest}")
    assert (parked.status_code, told(parked)["stale"]) == (200, True)
    assert "stale" not in told(other)


async def test_a_parked_document_is_shown_as_it_was_and_never_for_good(
    commander: Somebody,
) -> None:
    answer = await commander.get("/v1/incidents/INC-1")
    assert (told(answer)["status"], told(answer)["version"]) == ("open", 1)
    assert "ETag" not in answer.headers


async def test_a_parked_record_is_told_as_it_was_and_stale_from_then_on(
    commander: Somebody,
) -> None:
    was, stale = [
        await commander.get(f"/v1/incidents/INC-1?version={version}") for version in (1, 2)
    ]
    assert (told(was)["version"], "stale" in told(was)) == (1, False)
    assert (told(stale)["version"], told(stale)["stale"]) == (1, True)
    assert ("ETag" in was.headers, "ETag" in stale.headers) == (True, False)


async def test_lists_and_facets_say_how_many_records_are_parked(
    served: Served, commander: Somebody
) -> None:
    assert told(await commander.get("/v1/incidents"))["parked"] == 1
    counted = told(await commander.get("/v1/incidents?facets=status&limit=1"))
    assert (counted["facets"], counted["parked"]) == ({"status": {"open": 2}}, 1)
    figures = told(await commander.get("/v1/metrics/incidents"))
    assert (figures["open_now"]["count"], figures["parked"]) == (2, 1)
    stranger = await served.somebody(Role.INCIDENT_COMMANDER)
    assert "parked" not in told(await stranger.get("/v1/incidents"))


async def test_a_list_of_incidents_does_not_count_what_else_is_parked(
    served: Served, database: Database
) -> None:
    owner = await served.somebody(Role.OWNER)
    damaged(database, "membership.invited", b'{"name": "Ada Forklift"}')
    project(database)
    assert told(await served.http.get("/readyz"))["status"] == "degraded"
    assert "parked" not in told(await owner.get("/v1/incidents"))


async def test_health_says_that_something_is_parked(served: Served, commander: Somebody) -> None:
    assert told(await commander.get("/v1/incidents/INC-1"))["stale"]
    answer = await served.http.get("/readyz")
    assert (answer.status_code, told(answer)["status"]) == (200, "degraded")
    assert told(answer)["reason"].startswith("1 record is parked")


@pytest.mark.parametrize("named", ["INC-1", "id"])
async def test_a_record_that_was_never_shown_is_said_to_be_there(
    served: Served, database: Database, named: str
) -> None:
    commander = await served.somebody(Role.INCIDENT_COMMANDER)
    declared = await commander.declares()
    damaged(database, "incident.declared", b"[]")
    project(database)
    path = f"/v1/incidents/{declared.get(named, named)}"
    for rest in ("", "/history", "/timeline"):
        answer = await commander.get(path + rest)
        assert (answer.status_code, told(answer)["code"]) == (503, "unavailable")
        assert answer.headers["Retry-After"] == "60"
        assert "could not be applied" in told(answer)["detail"]
    listed = told(await commander.get("/v1/incidents"))
    assert (listed["items"], listed["parked"]) == ([], 1)
    stranger = await served.somebody(Role.INCIDENT_COMMANDER)
    for unknown in (await stranger.get(path), await commander.get("/v1/incidents/INC-2")):
        assert (unknown.status_code, told(unknown)["code"]) == (404, "not_found")


async def test_who_waits_for_what_is_parked_is_told_that_it_is_stale(
    commander: Somebody, database: Database
) -> None:
    last = await commander.declares()
    project(database)
    shown = f"min_position={last['position']}"
    parked, other, page = [
        told(await commander.get(f"/v1/incidents{rest}{shown}"))
        for rest in ("/INC-1?", "/INC-2?", "?")
    ]
    assert (parked["stale"], "stale" in other) == (True, False)
    assert ("stale" in page, page["parked"], len(page["items"])) == (False, 1, 3)
