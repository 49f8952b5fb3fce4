"""GraphQL asks the reads of REST: the same rights, walls and names, within bounds of its own."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import sql

from api.graphql import route
from api.graphql.asking import MOST_ITEMS, MOST_QUESTIONS
from read_model import tables
from tests.api.serving import Served, Somebody, serving, soon, told
from tests.api.test_accesses import soon_written_down
from tests.api.test_trouble import cut_off
from tests.embedded import SUPERUSER, Database
from write_model.kernel.access import Role
from write_model.kernel.settings import Settings

GRAPHQL = "/v1/graphql"


async def ask(who: Somebody, query: str, **variables: Any) -> dict[str, Any]:
    answer = await who.post(GRAPHQL, {"query": query, "variables": variables})
    assert answer.status_code == 200, answer.text
    return told(answer)


def codes(answer: dict[str, Any]) -> set[str]:
    return {error["extensions"]["code"] for error in answer["errors"]}


async def test_a_question_by_post_counts_as_a_query(served: Served, commander: Somebody) -> None:
    served.process.budgets.door.commands.at_once = 0
    answer = await commander.post(GRAPHQL, {"query": "{incidents {next_cursor}}"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["RateLimit"].startswith('"queries-organization";')
    served.process.budgets.door.queries.at_once = 0
    assert (await commander.post(GRAPHQL, {"query": "{"})).status_code == 503


@pytest.mark.usefixtures("projector")
async def test_several_reads_are_one_request(commander: Somebody) -> None:
    leak = await commander.declares(injured="Siri Dahl")
    await commander.declares(title="The ramp is icy", severity="sev2")
    done = told(await commander.post("/v1/incidents/INC-1/acknowledge"))
    answer = await ask(
        commander,
        """query ($seen: Long!, $team: [String!]) {
          leak: incident(id: "INC-1", min_position: $seen) { id title status injured people }
          incidents(filters: {team: $team, severity: ["sev3"]}, facets: ["status"]) {
            items { reference opened_at } next_cursor facets
          }
          history(id: "INC-1") { items { position type changes { field from to } } }
          timeline(id: "INC-1", by: "recorded_at") { items { type } }
          figures(group_by: "severity") { items { group opened } open_now { count } }
        }""",
        seen=done["position"],
        team=["warehouse"],
    )
    data = answer["data"]
    assert "errors" not in answer
    assert data["leak"]["id"] == leak["id"]
    assert (data["leak"]["status"], data["leak"]["injured"]) == ("in_progress", "Siri Dahl")
    assert [each["reference"] for each in data["incidents"]["items"]] == ["INC-1"]
    assert data["incidents"]["facets"] == {"status": {"in_progress": 1}}
    declared = data["history"]["items"][0]
    assert declared["type"] == "incident.declared"
    title = {"field": "title", "from": None, "to": "The forklift leaks oil"}
    assert title in declared["changes"]
    assert data["timeline"]["items"][1] == {"type": "incident.acknowledged"}
    assert data["figures"]["open_now"] == {"count": 2}


@pytest.mark.usefixtures("projector")
async def test_a_list_goes_on_and_is_narrowed_by_time(commander: Somebody) -> None:
    *_, last = [await commander.declares() for _ in range(3)]
    query = """query ($cursor: String, $seen: Long, $since: String) {
      incidents(filters: {opened_at: {gte: $since}}, limit: 2, cursor: $cursor, min_position: $seen)
      { items { reference } next_cursor } }"""
    first = (await ask(commander, query, seen=last["position"]))["data"]["incidents"]
    rest = (await ask(commander, query, cursor=first["next_cursor"]))["data"]["incidents"]
    assert len(first["items"]) == 2
    assert (len(rest["items"]), rest["next_cursor"]) == (1, None)
    later = await ask(commander, query, since="2999-01-01T00:00:00Z")
    assert later["data"]["incidents"]["items"] == []


@pytest.mark.usefixtures("projector")
async def test_what_one_may_not_see_is_as_over_rest(served: Served, commander: Somebody) -> None:
    leak = await commander.declares(injured="Siri Dahl")
    query = "query ($id: String!) { incident(id: $id) { injured } incidents { items { id } } }"
    stranger = await served.somebody(Role.INCIDENT_COMMANDER)
    for named in (leak["id"], "INC-1"):
        answer = await ask(stranger, query, id=named)
        assert answer["data"] == {"incident": None, "incidents": {"items": []}}
        assert codes(answer) == {"not_found"}
    viewer = await served.somebody(Role.VIEWER, tenant=commander.tenant)
    over_rest = told(await viewer.get(f"/v1/incidents/INC-1?min_position={leak['position']}"))
    assert (await ask(viewer, query, id="INC-1"))["data"]["incident"] == {
        "injured": over_rest["injured"]
    }


@pytest.mark.usefixtures("projector")
async def test_who_is_shown_an_injured_person_is_written_down_as_over_rest(
    commander: Somebody, database: Database
) -> None:
    leak = await commander.declares(injured="Grace Hopper")
    query = 'query ($seen: Long) { incident(id: "INC-1", min_position: $seen) { injured } }'
    answer = await ask(commander, query, seen=leak["position"])
    assert answer["data"]["incident"] == {"injured": "Grace Hopper"}
    [entry] = await soon_written_down(database, commander)
    shown = ("GET /v1/incidents/{id}", "incident.personal", "/v1/incidents/INC-1", "shown")
    assert entry == shown


async def test_who_may_not_read_may_not_ask(served: Served) -> None:
    owner = (await served.somebody(Role.OWNER)).proven(served)
    made = await owner.post("/v1/api-keys", {"name": "Sensor", "scopes": ["incident.report"]})
    sensor = replace(owner, token=told(made)["key"])
    refused = await sensor.post(GRAPHQL, {"query": "{incidents {next_cursor}}"})
    assert (refused.status_code, told(refused)["code"]) == (403, "forbidden")
    unknown = await served.http.post(GRAPHQL, json={"query": "{incidents {next_cursor}}"})
    assert unknown.status_code == 401


def _questions(count: int) -> str:
    return f"{{{' '.join(f'a{n}: incidents {{next_cursor}}' for n in range(count))}}}"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "malformed"),
        ("{leaks}", "malformed"),
        ("mutation {resolve}", "malformed"),
        ("{incident {id}}", "malformed"),
        ('{incident(id: "INC-1", version: 0) {id}}', "validation"),
        ('{incidents(sort: "oil") {next_cursor}}', "validation"),
        ("{incidents(limit: 0) {next_cursor}}", "validation"),
        ('{incidents(cursor: "oil") {next_cursor}}', "validation"),
        ("{__schema {queryType {name}}}", "malformed"),
        ('{__type(name: "Query") {name}}', "malformed"),
        ("query ($n: Long) {incidents(min_position: $n) {next_cursor}}", "malformed"),
        (f"{{incidents(limit: {MOST_ITEMS + 1}) {{next_cursor}}}}", "malformed"),
        ("{" * 498, "malformed"),
        (f"{{incidents(q: {'[' * 490}", "malformed"),
        ("fragment A on Query {...A} {...A}", "malformed"),
        ("fragment A on Query {incidents {stale}}", "malformed"),
        ("# Where does it leak?", "malformed"),
    ],
)
async def test_what_cannot_be_asked_is_told_with_its_code(
    commander: Somebody, query: str, code: str
) -> None:
    answer = await ask(commander, query, n="oil")
    assert codes(answer) == {code}
    assert "Traceback" not in str(answer)


def _lists(*limits: int) -> str:
    asked = (f"a{n}: incidents(limit: {limit}) {{stale}}" for n, limit in enumerate(limits))
    return f"{{{' '.join(asked)}}}"


def _named(aliases: int) -> str:
    return f"{{incidents {{{' '.join(f'a{n}: stale' for n in range(aliases))}}}}}"


@pytest.mark.parametrize(
    "query",
    [
        _questions(MOST_QUESTIONS),
        _lists(MOST_ITEMS // 2, MOST_ITEMS // 2),
        _named(20),
        "{incidents {items {id}}}",
        f"{{incidents {{{'stale ' * 493}}}}}",
    ],
    ids=["reads", "items", "aliases", "depth", "tokens"],
)
async def test_up_to_its_bounds_all_is_answered(commander: Somebody, query: str) -> None:
    assert "errors" not in await ask(commander, query)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (_questions(MOST_QUESTIONS + 1), f"at most {MOST_QUESTIONS} reads"),
        (_lists(MOST_ITEMS // 2, MOST_ITEMS // 2 + 1), f"at most {MOST_ITEMS} items"),
        (_lists(-MOST_ITEMS, MOST_ITEMS + 1), f"at most {MOST_ITEMS} items"),
        (_named(21), "20"),
        ("{incidents " + "{items " * 7 + "}" * 8, "depth of 6"),
        (f"{{incidents {{{'stale ' * 500}}}}}", "500"),
    ],
    ids=["reads", "items", "fewer than none", "aliases", "depth", "tokens"],
)
async def test_past_a_bound_it_is_told_which(commander: Somebody, query: str, told: str) -> None:
    answer = await ask(commander, query)
    assert told in str([error["message"] for error in answer["errors"]])


async def test_several_requests_do_not_come_as_one(commander: Somebody) -> None:
    """A batch would ask each time for as much as is allowed once."""
    batch = [{"query": "{incidents {stale}}"}] * 2
    answer = await commander.post(GRAPHQL, batch)
    assert (answer.status_code, told(answer)["code"]) == (422, "validation")


async def test_of_several_operations_one_is_named(commander: Somebody) -> None:
    query = 'query leak {incidents(sort: "oil") {stale}} query list {incidents {next_cursor}}'
    listed = await commander.post(GRAPHQL, {"query": query, "operationName": "list"})
    assert told(listed) == {"data": {"incidents": {"next_cursor": None}}}
    unknown = told(await commander.post(GRAPHQL, {"query": query, "operationName": "oil"}))
    assert codes(unknown) == {"malformed"}


@pytest.mark.parametrize(
    "body",
    [{}, {"query": ""}, {"query": 1}, {"query": "{a}", "oil": 1}, None],
)
async def test_what_is_no_graphql_request_is_refused_as_over_rest(
    commander: Somebody, body: Any
) -> None:
    answer = await commander.post(GRAPHQL, body)
    assert (answer.status_code, told(answer)["code"]) == (422, "validation")


async def test_a_lost_database_concerns_the_whole_request(
    settings: Settings, database: Database
) -> None:
    async with serving(settings) as served:
        patient = await served.somebody(Role.VIEWER)
    async with serving(settings.model_copy(update={"command_deadline_s": 0.5})) as served:
        viewer = replace(patient, http=served.http)
        asks = partial(viewer.post, GRAPHQL, {"query": "{incidents {next_cursor}}"})
        await soon(asks, 200)
        cut_off(database)
        answer = await asks()
    assert (answer.status_code, told(answer)["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.usefixtures("projector")
async def test_a_fault_of_ours_says_nothing_of_our_inside(
    commander: Somebody, database: Database
) -> None:
    with psycopg.connect(database.conninfo(SUPERUSER)) as connection:
        lost = sql.SQL("ALTER TABLE {} RENAME TO leaks").format(tables.INCIDENT_LIST)
        connection.execute(lost)
    answer = await ask(commander, "{incidents {next_cursor}}")
    assert codes(answer) == {"internal"}
    assert "incident_list" not in str(answer)


async def test_the_schema_is_told_where_the_operator_wants_it(settings: Settings) -> None:
    telling = settings.model_copy(update={"graphql_introspection": True})
    async with serving(telling) as served:
        viewer = await served.somebody(Role.VIEWER)
        found = await ask(viewer, "{__schema {queryType {fields {name}}}}")
    names = {each["name"] for each in found["data"]["__schema"]["queryType"]["fields"]}
    assert names == {"incident", "incidents", "history", "timeline", "figures"}


async def test_without_the_extra_it_says_what_to_install(
    commander: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [each for each in sys.modules if each.startswith("api.graphql.sch")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "strawberry", None)
    route.loaded.cache_clear()
    answer = await commander.post(GRAPHQL, {"query": "{incidents {next_cursor}}"})
    assert (answer.status_code, told(answer)["code"]) == (501, "not_installed")
    assert "tallystick[graphql]" in told(answer)["detail"]
