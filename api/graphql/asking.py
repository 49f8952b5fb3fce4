"""What a field asks: the route that answers the same over REST, by its own function.

So permissions, walls, sealed names, limits and the access log are not written a second time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import quote, urlencode

from fastapi import Request, Response
from pydantic_core import from_json

from api.accesses import refused
from api.refusals import Malformed
from write_model.kernel.errors import Forbidden

MOST_QUESTIONS = 5
"""In one request: each is a query of its own, and they are asked at once."""
MOST_ITEMS, USUAL_ITEMS = 200, 20
"""In one request, all lists together. Every field of an item is answered by itself, 2 µs each
(measured), while nobody else is served."""

Endpoint = Callable[[Request], Awaitable[Response]]


class Route(NamedTuple):
    """As the access log names it; `endpoint` answers it."""

    path: str
    endpoint: Endpoint


class Asking:
    """One GraphQL request: who asks, and how much was asked already."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._questions = self._items = 0

    async def told(self, route: Route, asked: Mapping[str, Any], **places: str) -> dict[str, Any]:
        """What the route answers. `asked`: its parameters; None is left out.

        Raises: whatever the route refuses; Malformed where too much is asked at once.
        """
        self._count(asked.get("limit", 0))
        request = self._as_over_rest(route, asked, places)
        try:
            answer = await route.endpoint(request)
        except Forbidden as error:
            refused(request, error)
            raise
        return cast("dict[str, Any]", from_json(bytes(answer.body)))

    def _count(self, items: int) -> None:
        self._questions += 1
        self._items += max(0, items)  # Fewer than none would make room for others.
        if self._questions > MOST_QUESTIONS:
            raise Malformed(f"Ask at most {MOST_QUESTIONS} reads in one request.")
        if self._items > MOST_ITEMS:
            raise Malformed(f"Ask for at most {MOST_ITEMS} items in one request, by `limit`.")

    def _as_over_rest(
        self, route: Route, asked: Mapping[str, object], places: Mapping[str, str]
    ) -> Request:
        given = {name: str(value) for name, value in asked.items() if value is not None}
        quoted = {name: quote(text, safe="") for name, text in places.items()}
        # Of the headers only who asks: what else they say is of the answer as a whole.
        headers = [each for each in self._request.scope["headers"] if each[0] == b"authorization"]
        return Request(
            {
                **self._request.scope,
                "method": "GET",
                "route": route,
                "path": route.path.format(**quoted),
                "path_params": dict(places),
                "query_string": urlencode(given).encode(),
                "headers": headers,
            }
        )
