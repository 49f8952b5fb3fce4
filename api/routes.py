"""Routes whose functions take the request and give an answer, and nothing between the two.

The framework's own route resolves dependencies and opens three exit stacks for every request; a
function that reads its request itself needs none of it (a third of an empty request, measured).
"""

from collections.abc import Iterable
from typing import Any

from fastapi import Response
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from api.deprecating import GOES, deprecation_headers
from api.observing import exchange_of
from api.problems import EXPLAINED, explained
from api.process import process


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
            try:
                with process(request).deadlines.kept():
                    response = await endpoint(request)
            except EXPLAINED as error:
                response = await explained(request, error)
            await _answer(response, scope, receive, send)

        self.app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Most addresses differ at their end already: that is cheaper to see than by pattern."""
        if not scope["path"].endswith(self._tail):
            return Match.NONE, {}
        return super().matches(scope)

    def takes(self, scope: Scope) -> bool:
        """Whether the request is for this route; then the scope knows what its address names."""
        found = self.path_regex.match(scope["path"])
        if found is None or scope["method"] not in (self.methods or ()):
            return False
        scope["path_params"] = {
            name: self.param_convertors[name].convert(text)
            for name, text in found.groupdict().items()
        }
        scope["route"] = self
        return True


async def _answer(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    exchange = exchange_of(send)
    if exchange is not None and type(response) is Response and response.background is None:
        await exchange.answer(response)
    else:
        await response(scope, receive, send)


class ByEnding:
    """Finds a route by how the address ends, where the router would try one after the other.

    It stands before the framework, which is asked for whatever is not found here: a wrong method
    is told there.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._ending: dict[str, list[PlainRoute]] = {}
        for route in routes:
            if isinstance(route, PlainRoute):
                end = route.path.rpartition("/")[2]
                self._ending.setdefault("" if "{" in end else end, []).append(route)
        self._open = self._ending.pop("", [])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self.found(scope) if scope["type"] == "http" else None
        await (self._app if route is None else route.app)(scope, receive, send)

    def found(self, scope: Scope) -> PlainRoute | None:
        """The route that the router would find, if it is one of these."""
        end = scope["path"].rpartition("/")[2]
        for routes in (self._ending.get(end, ()), self._open):
            for route in routes:
                if route.takes(scope):
                    return route
        return None
