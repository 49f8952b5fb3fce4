"""Who is bound to teams is told what happens to their incidents, by every way, and of no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from pydantic_core import from_json
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from api.pushing.teams import Teams
from projections.push import Message
from read_model.queries import changes
from tests.api.pushing.test_server_sent import events, next_event
from tests.api.serving import Served, Somebody, serving, told
from tests.api.test_stream import everything, following, next_message
from tests.api.test_trouble import damaged
from tests.api.test_within_teams import NIGHT, Scene, arranged
from tests.embedded import Database
from write_model.kernel.ids import new_id
from write_model.kernel.settings import Settings

pytestmark = pytest.mark.usefixtures("projector")


@pytest.fixture
async def scene(served: Served, owner: Somebody) -> Scene:
    return await arranged(served, owner)


async def moved(who: Somebody, incident: dict[str, Any], team: str) -> int:
    """The position of its assignment to a team."""
    answer = await who.post(f"/v1/incidents/{incident['id']}/assign", {"team": team})
    assert answer.status_code == 200, answer.text
    return int(told(answer)["position"])


async def noted(who: Somebody, incident: dict[str, Any]) -> int:
    answer = await who.post(f"/v1/incidents/{incident['id']}/notes", {"text": "It drips"})
    assert answer.status_code == 200, answer.text
    return int(told(answer)["position"])


async def his_history(scene: Scene, through: int) -> list[int]:
    """Of every incident that he may see by id, the positions of what happened to it."""
    found = list[int]()
    for incident in (scene.own, scene.other):
        path = f"/v1/incidents/{incident['id']}/history?min_position={through}"
        answer = await scene.bound.get(path)
        if answer.status_code == 200:
            found += [item["position"] for item in told(answer)["items"]]
    return sorted(found)


async def by_feed(who: Somebody, through: int, **asked: str) -> list[int]:
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    page = told(await who.get(f"/v1/events?min_position={through}&{query}"))
    return [item["position"] for item in page["items"]]


async def by_socket(served: Served, who: Somebody, last: int) -> list[int]:
    """Everything from the beginning through the position that comes last."""
    async with following(served, who, "after=0") as socket:
        return await through(socket, last)


async def through(socket: ClientConnection, last: int) -> list[int]:
    positions = list[int]()
    while last not in positions:
        positions.append((await next_message(socket))["position"])
    return positions


async def by_server_sent(served: Served, who: Somebody, last: int) -> list[int]:
    positions = list[int]()
    async with events(served, who, "after=0") as coming:
        await next_event(coming)
        while last not in positions:
            positions.append(from_json((await next_event(coming))["data"])["position"])
    return positions


async def by_graphql(scene: Scene) -> list[int]:
    query = "query ($own: String!, $other: String!) {own: history(id: $own) {items {position}}"
    query += " other: history(id: $other) {items {position}}}"
    asked = {"own": scene.own["id"], "other": scene.other["id"]}
    data = told(await scene.bound.post("/v1/graphql", {"query": query, "variables": asked}))["data"]
    found = [each["items"] for each in (data["own"], data["other"]) if each is not None]
    return sorted(item["position"] for items in found for item in items)


async def test_by_every_way_he_is_told_what_he_may_read(served: Served, scene: Scene) -> None:
    for his, not_his in ((scene.other, scene.own), (scene.own, scene.other)):
        await moved(scene.owner, not_his, "night shift")
        await moved(scene.owner, his, "warehouse")
        await noted(scene.owner, not_his)
        last = await noted(scene.owner, his)
        readable = await his_history(scene, last)
        assert readable[-1] == last
        assert await by_feed(scene.bound, last) == readable
        assert await by_socket(served, scene.bound, last) == readable
        assert await by_server_sent(served, scene.bound, last) == readable
        assert await by_graphql(scene) == readable


async def test_an_incident_comes_and_goes_with_its_team(served: Served, scene: Scene) -> None:
    async with following(served, scene.bound) as socket:
        comes = await moved(scene.owner, scene.other, "warehouse")
        assert (await next_message(socket))["position"] == comes
        known = await noted(scene.owner, scene.other)
        assert (await next_message(socket))["position"] == known
        await moved(scene.owner, scene.other, "night shift")
        await noted(scene.owner, scene.other)
        own = await noted(scene.owner, scene.own)
        assert (await next_message(socket))["position"] == own


async def test_the_same_is_told_by_a_process_that_decided_none_of_it(
    settings: Settings, served: Served, scene: Scene
) -> None:
    async with serving(settings) as there, following(there, scene.bound) as socket:
        comes = await moved(scene.owner, scene.other, "warehouse")
        assert (await next_message(socket))["position"] == comes
        await moved(scene.owner, scene.other, "night shift")
        begun = await scene.bound.declares()
        assert (await next_message(socket))["subject"] == begun["id"]


async def test_other_teams_hold_from_the_next_message_on(served: Served, scene: Scene) -> None:
    path = f"/v1/members/{scene.bound.id}/roles"
    async with following(served, scene.bound, "topics=incidents") as socket:
        bound = {"roles": ["incident_commander"], "teams": ["night shift"]}
        await scene.owner.post(path, bound)
        await noted(scene.owner, scene.own)
        of_theirs = await noted(scene.owner, scene.other)
        assert (await next_message(socket))["position"] == of_theirs
        await scene.owner.post(path, {"roles": ["viewer"]})
        both = [await noted(scene.owner, each) for each in (scene.own, scene.other)]
        assert [(await next_message(socket))["position"] for _ in both] == both


async def test_whoever_is_bound_from_now_on_may_follow_the_members_no_longer(
    served: Served, scene: Scene
) -> None:
    path = f"/v1/members/{scene.bound.id}/roles"
    assert (await scene.owner.post(path, {"roles": ["viewer"]})).status_code == 200
    async with following(served, scene.bound, "topics=incidents,members") as socket:
        await scene.owner.post(path, {"roles": ["viewer"], "teams": ["warehouse"]})
        with pytest.raises(ConnectionClosedError) as closed:
            await everything(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


async def test_one_incident_is_followed_while_it_is_of_his_team(
    served: Served, scene: Scene
) -> None:
    async with following(served, scene.bound, f"topics=incidents:{scene.own['id']}") as socket:
        await moved(scene.owner, scene.own, "night shift")
        comes_back = await moved(scene.owner, scene.own, "warehouse")
        assert set(await through(socket, comes_back)) <= {comes_back - 1, comes_back}
        await noted(scene.owner, scene.other)
        last = await noted(scene.owner, scene.own)
        assert (await next_message(socket))["position"] == last


async def test_of_others_he_is_told_as_of_none(served: Served, scene: Scene) -> None:
    for named in (scene.other["id"], scene.other["reference"], str(new_id()), "INC-99"):
        assert (await scene.bound.get(f"/v1/events?subject={named}")).status_code == 404, named
        with pytest.raises(InvalidStatus) as refused:
            async with following(served, scene.bound, f"topics=incidents:{named}"):
                pass
        assert refused.value.response.status_code == 404, named


async def test_a_page_of_the_feed_looks_no_farther_than_it_can(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_LOOKED_THROUGH", 2)
    for _ in range(4):
        await noted(scene.owner, scene.other)
    last = await noted(scene.owner, scene.own)
    found, after, more = list[int](), 0, True
    while more:
        page = told(await scene.bound.get(f"/v1/events?after={after}&min_position={last}"))
        found += [item["position"] for item in page["items"]]
        assert after < page["next"] <= after + 2
        after, more = page["next"], page["more"]
    assert found == await his_history(scene, last)
    assert after == last


async def test_a_damaged_incident_keeps_nobody_from_the_others(
    settings: Settings, served: Served, scene: Scene, database: Database
) -> None:
    await noted(scene.owner, scene.other)
    damaged(database, "incident.note_added", b"{}")
    begun = await scene.bound.declares()
    async with serving(settings) as there, following(there, scene.bound, "after=0") as socket:
        coming = await through(socket, begun["position"])
    assert coming[-1] == begun["position"]


async def test_what_was_asked_before_the_log_was_restored_is_not_remembered(
    served: Served, scene: Scene
) -> None:
    teams, his = Teams(served.process.write_model), frozenset({"warehouse"})
    of_it = [Message(scene.owner.tenant, 1, "incident", UUID(scene.own["id"]), "")]
    looking = asyncio.create_task(teams.look_up(of_it))
    for _ in range(3):
        await asyncio.sleep(0)  # It has asked, and nobody has answered yet.
    teams.clear()
    await looking
    assert teams.at_hand(of_it, his) is None
    assert await teams.of(of_it, his) == of_it


@asynccontextmanager
async def two_of_his_team(served: Served, scene: Scene) -> AsyncGenerator[list[ClientConnection]]:
    async with following(served, scene.bound) as one, following(served, scene.bound) as another:
        yield [one, another]


async def test_he_begins_one_and_his_team_is_told(served: Served, scene: Scene) -> None:
    async with two_of_his_team(served, scene) as sockets:
        await replace(scene.owner).declares(**NIGHT)
        begun = await scene.bound.declares()
        assert [(await next_message(each))["subject"] for each in sockets] == [begun["id"]] * 2
