"""Who administers an organization has its rows made anew, and sees how far that is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, LiteralString

import psycopg
import pytest

from projections.catalog import CATALOG
from projections.engine.alone import alone
from tests.api.serving import Served, Somebody, told
from tests.embedded import Database
from workers.connecting import connected
from workers.rebuilding.asked import carry_out_next
from write_model.kernel.access import Role
from write_model.kernel.settings import TAILER

pytestmark = pytest.mark.usefixtures("projector")

ADDRESS = "/v1/admin/projections"
CarryOut = Callable[[], None]


@pytest.fixture
def carry_out(database: Database) -> CarryOut:
    """The worker looks once, and does what was asked for first."""
    conninfo = database.conninfo(TAILER)

    def looked() -> None:
        with connected(conninfo, statement_timeout_s=30) as beside:
            carry_out_next(conninfo, beside, CATALOG, threading.Event())

    return looked


def as_superuser(database: Database, query: LiteralString, *parameters: Any) -> None:
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as connection:
        connection.execute(query, parameters)


async def kept(somebody: Somebody) -> dict[str, Any]:
    return told(await somebody.get(ADDRESS))


async def rebuild_of(somebody: Somebody, name: str = "incident") -> Any:
    items = {item["name"]: item for item in (await kept(somebody))["items"]}
    return items[name]["rebuild"]


async def asks(somebody: Somebody, name: str = "incident", **choice: Any) -> tuple[int, Any]:
    answer = await somebody.post(f"{ADDRESS}/{name}/rebuild", choice)
    return answer.status_code, told(answer)


async def is_shown(somebody: Somebody, declared: dict[str, Any]) -> Any:
    address = f"/v1/incidents/{declared['id']}?min_position={declared['position']}"
    return told(await somebody.get(address))


async def test_it_is_told_how_far_everything_has_come(owner: Somebody) -> None:
    declared = await owner.declares()
    await is_shown(owner, declared)
    found = await kept(owner)
    shown = [found[name] for name in ("behind", "waiting_s", "running", "paused", "parked")]
    assert (found["position"], shown) == (declared["position"], [0, 0.0, True, False, 0])
    assert {item["name"]: item["table"] for item in found["items"]} == {
        each.name: each.table.name for each in CATALOG.projections
    }
    assert {item["rebuild"] for item in found["items"]} == {None}


async def test_a_pause_and_what_waits_are_told_in_the_organizations_own_numbers(
    owner: Somebody, served: Served, database: Database
) -> None:
    other = await served.somebody(Role.OWNER)
    await is_shown(owner, await owner.declares())
    as_superuser(database, "UPDATE projections.checkpoint SET paused = true")
    for _ in range(3):
        await other.declares()
    last = await owner.declares()
    found = await kept(owner)
    assert (found["position"], found["behind"]) == (last["position"] - 1, 1)
    assert found["paused"]
    assert found["waiting_s"] > 0


async def test_what_was_asked_for_is_carried_out_on_the_organizations_rows_only(
    owner: Somebody, served: Served, database: Database, carry_out: CarryOut
) -> None:
    other = await served.somebody(Role.OWNER)
    mine, theirs = await owner.declares(), await other.declares()
    await is_shown(owner, mine)
    await is_shown(other, theirs)
    as_superuser(
        database, "UPDATE projections.incident_v1 SET document = replace(document, 'oil', 'ink')"
    )
    status, accepted = await asks(owner)
    assert (status, accepted["state"]) == (202, "waiting")
    waiting = await rebuild_of(owner)
    assert (waiting["id"], waiting["state"], waiting["share"]) == (accepted["id"], "waiting", 0)
    carry_out()
    done = await rebuild_of(owner)
    assert (done["state"], done["phase"], done["share"]) == ("done", "folding", 1)
    assert (await is_shown(owner, mine))["title"] == "The forklift leaks oil"
    assert (await is_shown(other, theirs))["title"] == "The forklift leaks ink"
    assert await rebuild_of(other) is None


@pytest.mark.parametrize(
    ("choice", "mended"),
    [
        ({"record": "INC-1"}, "first"),
        ({"type": "incident", "from_position": 2}, "second"),
        ({"from_position": 99}, None),
        ({"type": "membership"}, None),
    ],
    ids=str,
)
async def test_only_the_records_that_were_chosen_are_made_anew(
    owner: Somebody,
    database: Database,
    carry_out: CarryOut,
    choice: dict[str, Any],
    mended: str | None,
) -> None:
    records = {"first": await owner.declares(), "second": await owner.declares()}
    await is_shown(owner, records["second"])
    choice = {
        name: value + records["first"]["position"] - 1 if value == 2 else value
        for name, value in choice.items()
    }
    as_superuser(
        database, "UPDATE projections.incident_v1 SET document = replace(document, 'oil', 'ink')"
    )
    assert (await asks(owner, **choice))[0] == 202
    carry_out()
    titles = {name: (await is_shown(owner, each))["title"] for name, each in records.items()}
    assert [name for name, title in titles.items() if title.endswith("oil")] == (
        [mended] if mended else []
    )


async def test_who_asks_again_is_told_that_it_is_under_way(
    owner: Somebody, served: Served, carry_out: CarryOut
) -> None:
    other = await served.somebody(Role.ADMIN)
    assert (await asks(owner))[0] == 202
    status, problem = await asks(owner, record="INC-1")
    assert (status, problem["code"]) == (404, "not_found")
    status, problem = await asks(owner, type="incident")
    assert (status, problem["code"]) == (409, "conflict")
    assert "is being rebuilt already; wait until that has ended" in problem["detail"]
    assert (await asks(owner, "people"))[0] == (await asks(other))[0] == 202
    for _ in range(3):
        carry_out()
    assert (await rebuild_of(other))["state"] == "done"
    assert (await asks(owner))[0] == 202


async def test_while_another_rebuild_runs_it_waits(
    owner: Somebody, database: Database, carry_out: CarryOut
) -> None:
    await asks(owner)
    with connected(database.conninfo(TAILER), statement_timeout_s=30) as another, alone(another):
        carry_out()
        assert (await rebuild_of(owner))["state"] == "waiting"
    carry_out()
    assert (await rebuild_of(owner))["state"] == "done"


async def test_of_a_rebuild_of_everything_only_its_share_is_told(
    owner: Somebody, database: Database
) -> None:
    as_superuser(
        database,
        "INSERT INTO projections.rebuilds (id, names, state, phase, done, total, error)"
        " VALUES (gen_random_uuid(), '{incident}', 'running', 'folding', 123457, 987654,"
        "         'Key (title)=(A secret of somebody else)')",
    )
    found = await rebuild_of(owner)
    assert (found["state"], found["share"], found["error"]) == ("failed", 0.13, None)
    with connected(database.conninfo(TAILER), statement_timeout_s=30) as another, alone(another):
        assert (await rebuild_of(owner))["state"] == "running"


@pytest.mark.parametrize(
    ("name", "choice", "status", "field"),
    [
        ("weather", {}, 404, None),
        ("incident_counts", {}, 422, "projection"),
        ("incident", {"record": "INC-9"}, 404, None),
        ("incident", {"record": ""}, 422, "record"),
        ("incident", {"type": "weather"}, 422, "type"),
        ("incident", {"from_position": 0}, 422, "from_position"),
        ("incident", {"tenant": "all"}, 422, "tenant"),
    ],
)
async def test_what_is_not_there_cannot_be_asked_for(
    owner: Somebody, name: str, choice: dict[str, Any], status: int, field: str | None
) -> None:
    answered, problem = await asks(owner, name, **choice)
    assert answered == status
    assert [each["field"] for each in problem.get("errors", [])] == ([field] if field else [])


async def test_whoever_does_not_administer_is_refused(owner: Somebody, served: Served) -> None:
    roles = set(Role) - {Role.OWNER, Role.ADMIN}
    somebody = await served.somebody(*roles, tenant=owner.tenant)
    assert (await somebody.get(ADDRESS)).status_code == 403
    assert (await asks(somebody))[0] == 403
    assert (await served.http.get(ADDRESS)).status_code == 401
