"""The API says of itself what it does, and every address says who may use it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import cast

from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.composition import create_app
from api.openapi import PERMISSION, PUBLIC, self_description
from tests.api.serving import Served, told
from write_model.incident.commands import COMMANDS, RecordSlaBreach
from write_model.kernel.access import PERMISSIONS
from write_model.kernel.settings import Settings

PUBLIC_PATHS = {
    "/livez",
    "/readyz",
    "/docs",
    "/openapi.json",
    "/v1",
    "/v1/auth/token",
    "/v1/auth/refresh",
    "/v1/auth/logout",
}
KNOWN = frozenset[str]().union(*PERMISSIONS.values())


def routes(app: FastAPI) -> Iterator[APIRoute]:
    for route in app.routes:
        if isinstance(route, APIRoute):
            yield route


def test_every_route_says_which_permission_it_needs() -> None:
    found = {
        route.path: (route.openapi_extra or {}).get(PERMISSION)
        for route in routes(create_app(Settings()))
    }
    assert len(found) > 40
    assert {path for path, permission in found.items() if permission == PUBLIC} == PUBLIC_PATHS
    assert {p: n for p, n in found.items() if n not in KNOWN and p not in PUBLIC_PATHS} == {}


async def test_no_route_but_the_public_ones_answers_a_stranger(served: Served) -> None:
    app = served.server.config.app
    assert isinstance(app, FastAPI)
    for route in routes(app):
        for method in set(route.methods or ()) - {"HEAD"}:
            if route.path not in PUBLIC_PATHS:
                answer = await served.http.request(method, route.path.replace("{id}", "INC-1"))
                assert answer.status_code in (401, 422), route.path


def test_every_command_has_an_address_with_its_text() -> None:
    described = self_description(create_app(Settings()))
    texts = {
        operation.get("description", "")
        for path in described["paths"].values()
        for operation in path.values()
    }
    missing = {
        command.__name__
        for command in COMMANDS
        if inspect.cleandoc(command.__doc__ or "") not in texts
    }
    assert missing == {RecordSlaBreach.__name__}


def test_every_reference_of_the_description_leads_somewhere() -> None:
    described = self_description(create_app(Settings()))
    schemas = described["components"]["schemas"]
    for reference in references(described):
        assert reference.removeprefix("#/components/schemas/") in schemas


def references(content: object) -> Iterator[str]:
    if isinstance(content, dict):
        for name, value in cast("dict[str, object]", content).items():
            if name == "$ref":
                yield str(value)
            yield from references(value)
    elif isinstance(content, list):
        for value in cast("list[object]", content):
            yield from references(value)


async def test_the_description_is_served_with_a_page_that_loads_nothing_else(
    served: Served,
) -> None:
    assert told(await served.http.get("/openapi.json"))["openapi"].startswith("3.1")
    page = (await served.http.get("/docs")).text
    assert "/v1/incidents/{id}/acknowledge" in page
    assert "://" not in page
