"""Wherever something can be guessed, whoever guesses is stopped: on every path described."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from functools import partial
from ipaddress import ip_network
from itertools import cycle
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.api.described_routes import Route, routes
from tests.api.identity.guessing import a_hundred, answered_until_stopped
from tests.api.serving import Served, Somebody, serving, told
from write_model.kernel.access import Role
from write_model.kernel.api_key_secrets import BEGINS
from write_model.kernel.ids import new_id
from write_model.kernel.settings import Settings

_MOST_TRIES = 150
"""More than are answered, of which there is one more every nine seconds."""


@pytest.fixture
async def served(settings: Settings) -> AsyncGenerator[Served]:
    """Behind a proxy, so that each path is guessed at from an address of its own."""
    proxies = {"trusted_proxies": (ip_network("127.0.0.0/8"),)}
    async with serving(settings.model_copy(update=proxies)) as served:
        yield served


def takes_a_credential(route: Route) -> bool:
    """All that is sent to sign in, to stay signed in or to prove something is sent there."""
    return route.path.startswith("/v1/auth/") and route.method == "POST" and bool(route.texts)


async def stopped_after(who: Somebody, route: Route, address: str) -> int | None:
    """How many tries were answered before one was refused; None when none was."""
    path = route.path
    for name in route.places:
        path = path.replace(f"{{{name}}}", str(new_id()))
    for tries in range(_MOST_TRIES):
        answer = await who.post(path, dict(route.example), X_Forwarded_For=address)
        if is_stopped(answer):
            return tries
        assert answer.status_code not in {200, 201}, f"{route.name} let a guess in"
    return None


def is_stopped(answer: httpx2.Response) -> bool:
    if answer.status_code != 429:
        return False
    assert told(answer)["code"] == "rate_limited"
    return int(answer.headers["Retry-After"]) > 0


async def test_every_path_that_takes_a_credential_stops_who_guesses(
    served: Served, owner: Somebody, record_property: Callable[[str, object], None]
) -> None:
    document: dict[str, Any] = told(await served.http.get("/openapi.json"))
    found = [route for route in routes(document) if takes_a_credential(route)]
    stopped: dict[str, int | None] = {}
    for number, route in enumerate(found):
        who = (await served.somebody(Role.VIEWER, tenant=owner.tenant)).proven(served)
        stopped[route.name] = await stopped_after(who, route, f"192.0.2.{number + 1}")
    assert [name for name, tries in stopped.items() if tries is None] == []
    assert [
        r.name for r in found if "429" not in document["paths"][r.path]["post"]["responses"]
    ] == []
    least, most = min(filter(None, stopped.values())), max(filter(None, stopped.values()))
    record_property("figure", f"{len(found)} paths stop who guesses after {least} to {most} tries")


async def test_who_guesses_at_api_keys_is_stopped_and_a_good_one_goes_on(
    served: Served, owner: Somebody
) -> None:
    named = {"name": "Forklift telemetry", "scopes": ["people.read"]}
    made = told(await owner.proven(served).post("/v1/api-keys", named))
    good, bad = replace(owner, token=made["key"]), replace(owner, token=f"{made['key']}x")
    address = {"X-Forwarded-For": "192.0.2.7"}
    answers = list[httpx2.Response]()

    async def guess() -> int:
        answers.append(await bad.get("/v1/me", **address))
        return answers[-1].status_code

    began_s = time.monotonic()
    assert await answered_until_stopped(guess) in a_hundred(began_s)
    assert is_stopped(answers[-1])
    assert (await good.get("/v1/me", **address)).status_code == 200
    assert (await bad.get("/v1/me", **{"X-Forwarded-For": "192.0.2.8"})).status_code == 401
    signing_in = {"email": "nobody@harbor.example", "password": "a guess at oil"}
    answer = await served.http.post("/v1/auth/token", json=signing_in, headers=address)
    assert answer.status_code == 401, "people at the same address sign in all the same"


async def test_who_guesses_at_api_keys_while_connecting_to_follow_is_stopped_too(
    served: Served, owner: Somebody
) -> None:
    bad = replace(owner, token=f"{BEGINS}abcdefgh_made-up")
    bearer = {"Authorization": f"Bearer {bad.token}"}
    protocols = [Subprotocol("access_token"), Subprotocol(bad.token)]

    async def by_events(**address: str) -> int:
        return (await bad.get("/v1/stream", **address)).status_code

    async def by_header(**address: str) -> int:
        return await refused_socket(served, additional_headers=bearer | address)

    async def by_subprotocol(**address: str) -> int:
        return await refused_socket(served, additional_headers=address, subprotocols=protocols)

    ways = (by_events, by_header, by_subprotocol)
    address = {"X-Forwarded-For": "192.0.2.7"}
    began_s, turns = time.monotonic(), cycle(ways)
    answered = await answered_until_stopped(lambda: next(turns)(**address))
    for way in ways:
        answered += await answered_until_stopped(partial(way, **address))
    assert answered in a_hundred(began_s)
    assert [await way(**{"X-Forwarded-For": "192.0.2.8"}) for way in ways] == [401] * 3
    assert (await owner.get("/v1/me", **address)).status_code == 200


async def refused_socket(served: Served, **options: Any) -> int:
    """The status that a handshake is refused with."""
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://127.0.0.1:{served.port}/v1/stream", proxy=None, **options)
    status: int = refused.value.response.status_code
    return status
