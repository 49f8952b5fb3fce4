"""Routes whose functions take the request and give an answer, and nothing between the two.

The framework's own route resolves dependencies and opens three exit stacks for every request; a
function that reads its request itself needs none of it (a third of an empty request, measured).
"""

import asyncio
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

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

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
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
