"""What the service measures of itself, in the text format of Prometheus.

For the operator, who is no member of any organization: it is opened by a token of its own, and
nothing in it belongs to an organization.
"""

import asyncio
import hmac

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from api.measures import measures, text_of
from api.openapi import PERMISSION, PUBLIC
from api.process import process
from read_model.watching import watched
from write_model.kernel.errors import Unauthenticated

router = APIRouter(tags=["Operating"])

_WAIT_S = 2.0


# No member's permission opens it.
@router.get("/metrics", include_in_schema=False, openapi_extra={PERMISSION: PUBLIC})
async def metrics(request: Request) -> Response:
    at = process(request)
    _must_be_the_operator(request, at.metrics_token)
    async with asyncio.timeout(_WAIT_S):
        found, rebuilds = await watched(at.pool)
    return Response(text_of(measures(at, found, rebuilds)), media_type=CONTENT_TYPE_LATEST)


def _must_be_the_operator(request: Request, expected: str) -> None:
    """Raises: Unauthenticated."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    same = hmac.compare_digest(token.encode(), expected.encode())
    if scheme.lower() != "bearer" or not same:
        raise Unauthenticated(
            "Send the token that `tallystick metrics-token` prints as Authorization: Bearer."
        )
