"""What stands before the framework finds what the framework would, and nothing else."""

from __future__ import annotations

from typing import Any, Never

from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import BaseRoute, Match

from api.app import ROUTERS
from api.routes import ByEnding, PlainRoute

ROUTES = [route for router in ROUTERS for route in router.routes]
WORDS = sorted({word for route in ROUTES for word in getattr(route, "path", "").split("/")})

paths = st.lists(st.sampled_from([*WORDS, "INC-42", "a%2Fb", "a\n", " "]), max_size=6).map(
    lambda words: "/" + "/".join(words)
)
known = st.sampled_from(
    [
        route.path_format.format_map(dict.fromkeys(route.param_convertors, "INC-42"))
        for route in ROUTES
        if isinstance(route, PlainRoute)
    ]
)
methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get"])


async def nobody(*_: object) -> Never:
    raise AssertionError("Nobody is asked to answer.")


BY_ENDING = ByEnding(nobody, ROUTES)


def the_routers(scope: dict[str, Any]) -> tuple[BaseRoute, dict[str, Any]] | None:
    for route in ROUTES:
        match, found = route.matches(scope)
        if match is Match.FULL:
            return route, found["path_params"]
    return None


@given(methods, paths | known | known.map(lambda path: path + "/"))
def test_it_finds_what_the_router_would(method: str, path: str) -> None:
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path}
    expected = the_routers(dict(scope))
    found = BY_ENDING.found(scope)
    if expected is None or not isinstance(expected[0], PlainRoute):
        assert found is None
    else:
        assert (found, scope["path_params"]) == expected
