"""The permission matrix holds: every route is asked in every role, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import pytest

from api.openapi import PUBLIC
from tests.api.conforming import Described
from tests.api.described_routes import Route, routes
from tests.api.permissions_page import (
    CONDITIONS,
    OF_THE_WHOLE,
    OPERATORS,
    PAGE,
    cell,
    permissions_page,
)
from tests.api.serving import Served, Somebody, told
from write_model.kernel.access import Role
from write_model.kernel.ids import new_id

_MEANT_OTHERWISE: Mapping[str, Mapping[str, Any]] = {
    "POST /v1/incidents/{id}/assign": {"team": "night shift"},
    "POST /v1/incidents/{id}/severity": {"to": "sev4", "reason": "It drips by now"},
    "POST /v1/admin/projections/{projection}/rebuild": {"record": "INC-1"},
    "POST /v1/people": {"name": "Ole Vik"},
    "POST /v1/members/{member}/roles": {"roles": ["viewer"]},
    "POST /v1/invitations": {"roles": ["viewer"]},
}
"""Bodies for what a schema's required fields alone do not say."""


def test_the_page_is_as_the_routes_are() -> None:
    assert PAGE.read_text() == permissions_page(), "Run: python -m tests.api.permissions_page"


async def test_every_route_answers_every_role_as_the_page_says(
    served: Served, owner: Somebody, record_property: Callable[[str, object], None]
) -> None:
    document = told(await served.http.get("/openapi.json"))
    served.http.event_hooks = {"response": [Described(document).holds]}
    found = [r for r in routes(document) if r.permission]
    asking = {role: await served.somebody(role, tenant=owner.tenant) for role in Role}
    wrong: list[str] = []
    for route in found:
        for role, who in asking.items():
            answer = await _asked(route, who, await _address(route, served, owner))
            if not _is_as_told(route, role, answer):
                wrong.append(f"{role} {route.name}: {answer.status_code} {answer.text}")
    assert wrong == []
    record_property("figure", f"{len(found)} routes in {len(asking)} roles are as the page says")


@pytest.mark.parametrize("role", [Role.INCIDENT_COMMANDER, Role.SERVICE, Role.VIEWER])
async def test_who_is_bound_to_teams_is_let_in_where_his_role_is(
    served: Served, owner: Somebody, role: Role
) -> None:
    teams = frozenset({"warehouse", "night shift"})
    bound = await served.somebody(role, tenant=owner.tenant, teams=teams)
    wrong: list[str] = []
    for route in routes(told(await served.http.get("/openapi.json"))):
        if route.permission != PUBLIC:
            path = await _address(route, served, owner)
            answer = await _asked(route, bound, path, team="warehouse")
            is_right = (
                _is_forbidden(answer)
                if route.name == OF_THE_WHOLE
                else _is_as_told(route, role, answer)
            )
            if not is_right:
                wrong.append(f"{route.name}: {answer.status_code} {answer.text}")
    assert wrong == []


async def test_whoever_has_not_signed_in_is_refused_by_every_other_route(served: Served) -> None:
    for route in routes(told(await served.http.get("/openapi.json"))):
        if route.permission != PUBLIC:
            path = _filled(route, str(new_id()))
            answer = await served.http.request(route.method, path, json=dict(route.example))
            assert answer.status_code == 401, route.name


async def _address(route: Route, served: Served, owner: Somebody) -> str:
    """A new record each time, so that no role finds what another has left."""
    if "/incidents/{id}" in route.path:
        return _filled(route, (await owner.declares())["id"])
    if "{member}" in route.path:
        member = await served.somebody(Role.VIEWER, tenant=owner.tenant)
        return _filled(route, str(member.id))
    return _filled(route, str(owner.tenant if "organizations" in route.path else new_id()))


def _filled(route: Route, first: str) -> str:
    path = route.path
    for name in route.places:
        path = path.replace(f"{{{name}}}", first if name == route.places[0] else str(new_id()))
    path = path.replace(first, "incident") if "{projection}" in route.path else path
    return f"{path}?ids={first}" if "ids" in route.query else path


async def _asked(route: Route, who: Somebody, path: str, **more: str) -> httpx2.Response:
    known = {name: text for name, text in more.items() if name in route.texts}
    body = {**known, **route.example, **_MEANT_OTHERWISE.get(route.name, {})}
    headers = {"Authorization": f"Bearer {who.token}"}
    if route.method == "POST":
        return await who.http.post(path, json=body, headers=headers)
    return await who.http.request(route.method, path, headers=headers)


def _is_as_told(route: Route, role: Role, answer: httpx2.Response) -> bool:
    """Whether a refusal is the lack of the permission, and nothing else is."""
    match cell(route, role):
        case "x":
            return not _is_forbidden(answer) and answer.status_code != 401
        case "(x)" if route.name in CONDITIONS.keys() | OPERATORS:
            return answer.status_code != 401
        case _:
            return _is_forbidden(answer)


def _is_forbidden(answer: httpx2.Response) -> bool:
    return answer.status_code == 403 and bool(told(answer)["code"] == "forbidden")
