"""Who is bound to teams sees and changes their incidents; of others he is told as of none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from httpx2 import Response
from websockets.exceptions import InvalidStatus

from tests.api.serving import LEAK, Served, Somebody, told
from tests.api.test_stream import following
from write_model.kernel.ids import new_id

pytestmark = pytest.mark.usefixtures("projector")

NIGHT = {"title": "The gate does not close", "severity": "sev3", "team": "night shift"}
READS = ("", "?version=1", "?version=9", "?as_of=2020-02-03T08:15:00Z", "/history", "/timeline")
ASKED: tuple[tuple[str, dict[str, str]], ...] = (
    ("acknowledge", {}),
    ("notes", {"text": "I was here"}),
    ("assign", {"team": "warehouse"}),
    ("resolve", {"resolution": "Mine now"}),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """`bound`: a commander of the warehouse; one incident is of it, `other` of the night shift."""

    owner: Somebody
    bound: Somebody
    own: dict[str, Any]
    other: dict[str, Any]


@pytest.fixture
async def scene(served: Served, owner: Somebody) -> Scene:
    return await arranged(served, owner)


async def arranged(served: Served, owner: Somebody) -> Scene:
    kari = {"name": "Kari Dahl", "email": "kari@harbor.example"}
    roles = {"roles": ["incident_commander"], "teams": ["warehouse"]}
    member = await served.joins(owner, kari | roles)
    token = served.identity.access_tokens.issue(UUID(member["id"]), owner.tenant)
    own, other = await owner.declares(), await owner.declares(**NIGHT)
    bound = replace(owner, id=UUID(member["id"]), token=token)
    await owner.get(f"/v1/incidents?min_position={other['position']}")
    return Scene(owner, bound, own, other)


async def test_he_sees_and_changes_what_is_of_his_team(scene: Scene) -> None:
    path = f"/v1/incidents/{scene.own['id']}"
    for rest in ("", "?version=1", "/history", "/timeline", "/actions"):
        assert (await scene.bound.get(path + rest)).status_code == 200, rest
    assert "resolve" in told(await scene.bound.get(f"{path}/actions"))["actions"]
    for verb, body in ASKED:
        assert (await scene.bound.post(f"{path}/{verb}", body)).status_code == 200, verb
    assert told(await scene.bound.get("/v1/me"))["teams"] == ["warehouse"]


async def test_he_is_told_of_others_as_of_none(scene: Scene) -> None:
    nobodys = str(new_id())
    reference = {scene.other["reference"]: "INC-99"}
    for named, never in {scene.other["id"]: nobodys, **reference}.items():
        for rest in (*READS, "/actions"):
            answers = [
                await scene.bound.get(f"/v1/incidents/{id_}{rest}") for id_ in (named, never)
            ]
            assert _same(answers, named, never), rest
        for verb, body in ASKED:
            for tag in ({}, {"If_Match": '"1"'}, {"If_Match": '"7"'}):
                answers = [
                    await scene.bound.post(f"/v1/incidents/{id_}/{verb}", body, **tag)
                    for id_ in (named, never)
                ]
                assert _same(answers, named, never), verb
    path = f"/v1/incidents/{scene.own['id']}/merge"
    for named, never in {scene.other["id"]: nobodys, **reference}.items():
        merged = [await scene.bound.post(path, {"into": id_}) for id_ in (named, never)]
        assert _same(merged, named, never)
    assert told(await scene.owner.get(f"/v1/incidents/{scene.other['id']}"))["version"] == 1


async def test_lists_facets_searches_and_figures_hold_his_alone(scene: Scene) -> None:
    own = [scene.own["id"]]
    for query, expected in (
        ("facets=team,status", own),
        ("team=warehouse", own),
        ("team=warehouse,night shift", own),
        ("team=night shift", []),
        ("q=gate", []),
        ("q=oil", own),
        ("source=manual&sort=-severity", own),
    ):
        page = told(await scene.bound.get(f"/v1/incidents?{query}"))
        assert [item["id"] for item in page["items"]] == expected, query
        assert "night" not in str(page), query
    moment = told(await scene.owner.get(f"/v1/incidents/{scene.other['id']}"))["updated_at"]
    page = told(await scene.bound.get(f"/v1/incidents?as_of={moment}&facets=team"))
    assert [item["id"] for item in page["items"]] == own
    assert "night" not in str(page)
    figures = told(await scene.bound.get("/v1/metrics/incidents?group_by=team"))
    assert "warehouse" in str(figures)
    assert "night" not in str(figures)


async def test_what_he_begins_is_of_his_teams(scene: Scene) -> None:
    assert (await scene.bound.post("/v1/incidents", LEAK)).status_code == 201
    for body in (NIGHT, {name: LEAK[name] for name in ("title", "severity")}):
        refused = await scene.bound.post("/v1/incidents", body)
        assert (refused.status_code, told(refused)["code"]) == (403, "forbidden")


async def test_what_is_of_the_whole_organization_is_not_for_him(
    served: Served, scene: Scene
) -> None:
    for path in ("/v1/members", "/v1/access-log"):
        assert (await scene.bound.get(path)).status_code == 403, path
    proven = scene.bound.proven(served)
    assert (await proven.delete("/v1/auth/sessions")).status_code == 204, "They are his own."
    with pytest.raises(InvalidStatus) as refused:
        async with following(served, scene.bound, "topics=members"):
            pass
    assert refused.value.response.status_code == 403
    assert b"bound to teams" in (refused.value.response.body or b"")


async def test_nobody_administers_for_some_teams_only(scene: Scene) -> None:
    path = f"/v1/members/{scene.bound.id}/roles"
    for roles, teams in ((["admin"], ["warehouse"]), (["viewer"], []), (["viewer"], ["a,b"])):
        answer = await scene.owner.post(path, {"roles": roles, "teams": teams})
        assert (answer.status_code, told(answer)["code"]) == (422, "validation")
    assert (await scene.owner.post(path, {"roles": ["viewer"]})).status_code == 200
    assert (await scene.bound.get(f"/v1/incidents/{scene.other['id']}")).status_code == 200


def _same(answers: list[Response], named: str, never: str) -> bool:
    """Also the texts, but for what was asked with."""
    one, other = [(each.status_code, {**told(each), "instance": ""}) for each in answers]
    return str(one).replace(named, never) == str(other)
