"""A route that will go says so long before, in its answers and in the description."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import cast

import pytest
from fastapi import APIRouter, FastAPI, Request, Response

from api import app
from api.answers.operating import Map
from api.deprecating import Deprecation, deprecated
from api.description import self_description
from api.openapi import describe_public
from api.page import page
from api.routes import PlainRoute
from api.serve import Server, server
from tests.api.serving import serving
from write_model.kernel.errors import NotFound
from write_model.kernel.settings import Settings

SINCE, UNTIL = datetime(2026, 3, 2, 6, 15, tzinfo=UTC), datetime(2026, 9, 2, 6, 15, tzinfo=UTC)
PAGE = "https://example.com/leaks"


async def leaks(request: Request) -> Response:
    """Where it leaks; ask `GET /v1/incidents` instead."""
    return Response("{}", headers={"Link": '</v1/leaks?cursor=7>; rel="next"'})


Endpoint = Callable[[Request], Awaitable[Response]]


def serving_it(
    settings: Settings, goes: Deprecation, endpoint: Endpoint = leaks
) -> tuple[Server, FastAPI]:
    router = APIRouter(route_class=PlainRoute, tags=["Incidents"])
    operation = deprecated(describe_public(Map), goes)
    router.add_api_route("/v1/leaks", endpoint, openapi_extra=operation)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(app, "ROUTERS", (*app.ROUTERS, router))
        running = server(settings)
    return running, cast("FastAPI", running.config.app)


async def test_its_answers_say_since_when_until_when_and_why(settings: Settings) -> None:
    running, _ = serving_it(settings, Deprecation(SINCE, PAGE, UNTIL))
    async with serving(settings, running) as served:
        answer = await served.http.get("/v1/leaks")
        other = await served.http.get("/v1")
    assert answer.headers["Deprecation"] == f"@{int(SINCE.timestamp())}"
    assert answer.headers["Sunset"] == "Wed, 02 Sep 2026 06:15:00 GMT"
    assert answer.headers.get_list("Link") == [
        '</v1/leaks?cursor=7>; rel="next"',
        f'<{PAGE}>; rel="deprecation"',
    ]
    assert not {"deprecation", "sunset"} & set(other.headers)


async def gone(request: Request) -> Response:
    """Where it leaked."""
    raise NotFound


async def test_its_refusals_say_it_too(settings: Settings) -> None:
    running, _ = serving_it(settings, Deprecation(SINCE, PAGE, UNTIL), gone)
    async with serving(settings, running) as served:
        answer = await served.http.get("/v1/leaks")
        other = await served.http.get("/v1/leak")
    assert answer.status_code == 404
    assert answer.headers["Deprecation"] == f"@{int(SINCE.timestamp())}"
    assert answer.headers["Sunset"] == "Wed, 02 Sep 2026 06:15:00 GMT"
    assert answer.headers["Link"] == f'<{PAGE}>; rel="deprecation"'
    assert not {"deprecation", "sunset", "link"} & set(other.headers)


@pytest.mark.parametrize("until", [UNTIL, None])
def test_the_description_says_it_too(settings: Settings, until: datetime | None) -> None:
    _, app = serving_it(settings, Deprecation(SINCE, PAGE, until))
    description = self_description(app)
    told = description["paths"]["/v1/leaks"]["get"]
    assert told["deprecated"] is True
    for response in told["responses"].values():
        headers = response["headers"].keys()
        assert headers >= {"Deprecation", "Link"}
        assert ("Sunset" in headers) is (until is not None)
        assert headers <= description["components"]["headers"].keys()
    assert page(description).count("Deprecated.") == 1


async def test_the_map_knows_every_list(settings: Settings) -> None:
    running, app = serving_it(settings, Deprecation(SINCE, PAGE))
    lists = [
        path
        for path, operations in self_description(app)["paths"].items()
        if "get" in operations and path.startswith("/v1/") and "{" not in path
    ]
    async with serving(settings, running) as served:
        there = (await served.http.get("/v1")).json()
    assert there.items() >= {
        ("incidents", "/v1/incidents"),
        ("auth_sessions", "/v1/auth/sessions"),
        ("api_keys", "/v1/api-keys"),
        ("stream", "/v1/stream"),
        ("sign_in", "/v1/auth/token"),
        ("openapi", "/openapi.json"),
    }
    assert set(there.values()) >= set(lists)
