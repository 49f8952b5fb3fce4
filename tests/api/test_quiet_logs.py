"""No log line and no metric holds a name, an address, a password, a token or a key.

Everything is asked for: the whole story, and every route with such words wherever words may stand.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import AsyncGenerator, Iterator
from ipaddress import ip_network
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import structlog

from tests.acceptance.searching import Search
from tests.api import test_described_answers as story
from tests.api.described_routes import Route, routes
from tests.api.serving import LEAK, PASSWORD, Served, Somebody, serving, told
from tests.embedded import Database
from write_model.kernel.logs import configure_logs
from write_model.kernel.settings import Settings

NAME, EMAIL = "Zoë Quillxandra", "Zoe.Quillxandra@Wharfingham.example"
STRANGE_PASSWORD = "Schmierfilmrest 4711"
CANARIES = (NAME, "Quillxandra", "Wharfingham", STRANGE_PASSWORD)
TOLD_IN_THE_STORY = ("Siri Dahl", "Ole Vik", "Grace Hopper", "grace@example.com", PASSWORD)
SECRET_FIELDS = {
    "access_token",
    "refresh_token",
    "token",
    "secret",
    "key",
    "password",
    "uri",
    "challenge",
}


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[io.StringIO]:
    """All lines of ours at the level that says most; those of libraries are in `caplog`."""
    caplog.set_level(logging.WARNING)
    text = io.StringIO()
    configure_logs("DEBUG", to=text)
    yield text
    structlog.reset_defaults()


class Secrets:
    """Collects every secret that an answer hands out."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    async def look(self, answer: httpx2.Response) -> None:
        await answer.aread()
        if "json" in answer.headers.get("Content-Type", "") and answer.content:
            json.loads(answer.text, object_pairs_hook=self._noted)

    def _noted(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for name, value in pairs:
            if name in SECRET_FIELDS and len(str(value)) > 9:
                self.found.add(str(value))
            elif name == "recovery_codes":
                self.found.update(map(str, value))
        return dict(pairs)


@pytest.fixture
async def served(settings: Settings) -> AsyncGenerator[Served]:
    """The server may ask an identity provider on this machine."""
    inside = {"read_wait_s": 4.0, "identity_provider_networks": (ip_network("127.0.0.0/8"),)}
    async with serving(settings.model_copy(update=inside)) as served:
        yield served


@pytest.mark.usefixtures("projector")
async def test_the_whole_story_leaves_nobody_in_the_logs(
    served: Served,
    owner: Somebody,
    database: Database,
    logged: io.StringIO,
    caplog: pytest.LogCaptureFixture,
) -> None:
    secrets = Secrets()
    served.http.event_hooks = {"response": [secrets.look]}
    await story.people_come_and_go(served, owner)
    await story.the_leak_is_dealt_with(owner)
    await story.other_incidents_end_otherwise(owner)
    await story.old_rows_come_in(served, owner)
    await story.everything_is_read(served, owner)
    await story.some_of_it_is_refused(served, owner)
    await story.an_event_cannot_be_applied(owner, database)
    assert len(secrets.found) > 10
    search = Search(*TOLD_IN_THE_STORY, owner.token, *secrets.found)
    assert search.of(await everything_told(served, logged, caplog)) == []
    assert logged.getvalue().count('"event": "request"') > 200


@pytest.mark.usefixtures("projector")
async def test_every_route_keeps_silent_of_what_it_is_sent(
    served: Served, owner: Somebody, logged: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    await owner.post("/v1/incidents", LEAK | {"injured": NAME})
    document = told(await served.http.get("/openapi.json"))
    every = list(routes(document))
    for route in every:
        await ask(owner, route)
    await served.http.post("/v1/auth/token", json={"email": EMAIL, "password": STRANGE_PASSWORD})
    await served.http.get("/v1/me", headers={"Authorization": f"Bearer {STRANGE_PASSWORD}"})
    await served.http.get(f"/{quote(NAME)}?{quote(NAME)}={quote(EMAIL)}")
    assert Search(*CANARIES, owner.token).of(await everything_told(served, logged, caplog)) == []
    asked = {line["route"] for line in map(json.loads, logged.getvalue().splitlines())}
    assert {route.path for route in every} <= asked


async def ask(owner: Somebody, route: Route) -> None:
    """Once with words in all of its places, and twice with bodies that are refused."""
    path = route.path
    for place in route.places:
        path = path.replace(f"{{{place}}}", quote(NAME))
    query = "&".join(f"{name}={quote(EMAIL)}" for name in route.query)
    words = dict.fromkeys((text for text in route.texts if "." not in text), NAME)
    bodies = ({**route.example, **words}, {NAME: EMAIL}, [STRANGE_PASSWORD])
    for body in bodies if route.method == "POST" else (None,):
        await owner.http.request(
            route.method,
            f"{path}?{query}",
            json=body,
            headers={"Authorization": f"Bearer {owner.token}", "Idempotency-Key": EMAIL},
        )


async def everything_told(
    served: Served, logged: io.StringIO, caplog: pytest.LogCaptureFixture
) -> list[tuple[str, bytes]]:
    bearer = {"Authorization": f"Bearer {served.process.metrics_token}"}
    measured = await served.http.get("/metrics", headers=bearer)
    assert "tallystick_http_requests_total" in measured.text
    return [
        ("our logs", logged.getvalue().encode()),
        ("libraries' logs", caplog.text.encode()),
        ("metrics", measured.content),
    ]


def test_the_search_would_find_them(logged: io.StringIO) -> None:
    structlog.get_logger("forklift").warning("it_leaks", seen_by=NAME)
    [found, *_] = Search(*CANARIES).of([("our logs", logged.getvalue().encode())])
    assert found.place == "our logs"
