"""Routes whose functions take the request and give an answer, and nothing between the two.

The framework's own route resolves dependencies and opens three exit stacks for every request; a
function that reads its request itself needs none of it (a third of an empty request, measured).
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from api.deprecating import GOES, deprecation_headers
from api.process import process

_SLACK_S = 1.0
"""The log's own deadline comes first: it knows better what became of a command."""


class PlainRoute(APIRoute):
    """Described like every other route; `async def endpoint(request) -> Response`.

    Past the deadline it answers 503: a pool that waits for a lost database would wait far longer.
    """

    def __init__(self, path: str, endpoint: Any, **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self._tail = path.rpartition("}")[2]
        said = deprecation_headers(self.openapi_extra or {})
        goes = [(name.lower().encode(), value.encode()) for name, value in said.items()]

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if goes:
                scope[GOES] = goes
            request = Request(scope, receive, send)
            deadline_s = process(request).settings.command_deadline_s + _SLACK_S
            async with asyncio.timeout(deadline_s):
                response = await endpoint(request)
            await response(scope, receive, send)

        self.app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Most addresses differ at their end already: that is cheaper to see than by pattern."""
        if not scope["path"].endswith(self._tail):
            return Match.NONE, {}
        return super().matches(scope)


class ByEnding(BaseRoute):
    """Finds a route by how the address ends, where the router would try one after the other.

    It stands before the routes themselves, which are asked for whatever is not found here: a wrong
    method is told there.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._ending: dict[str, list[PlainRoute]] = {}
        for route in routes:
            if isinstance(route, PlainRoute):
                end = route.path.rpartition("/")[2]
                self._ending.setdefault("" if "{" in end else end, []).append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        end = scope["path"].rpartition("/")[2]
        for route in (*self._ending.get(end, ()), *self._ending.get("", ())):
            match, found = route.matches(scope)
            if match is Match.FULL:
                return match, {**found, "found": route}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["found"].handle(scope, receive, send)
