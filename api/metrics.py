"""What the service measures of itself, in the text format of Prometheus.

For the operator, who is no member of any organization: it is opened by a token of its own, and
nothing in it belongs to an organization. Whichever process is asked answers for all.
"""

import asyncio
import hmac
from collections.abc import Iterator

import psycopg
from fastapi import APIRouter, Request, Response
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from api.exposition import gauge, merged, text_of
from api.measures import figures_of
from api.openapi import PERMISSION, PUBLIC
from api.process import Process, process
from api.siblings import Answers
from api.watching import of_installation
from read_model.watching import watched
from write_model.kernel.errors import Unauthenticated

router = APIRouter(tags=["Operating"])

_WAIT_S = 2.0


# No member's permission opens it.
@router.get("/metrics", include_in_schema=False, openapi_extra={PERMISSION: PUBLIC})
async def metrics(request: Request) -> Response:
    at = process(request)
    _must_be_the_operator(request, at.metrics_token)
    installation, others = await asyncio.gather(_installation(at), at.siblings.ask())
    told = [text for text in others.values() if text is not None]
    alive = text_of(_alive(at.siblings.place, at.siblings.wanted, others))
    text = merged([alive, installation, figures_of(at), *told])
    return Response(text, media_type=CONTENT_TYPE_LATEST)


async def _installation(at: Process) -> bytes:
    """What the database knows; that it does not answer is a figure, too."""
    try:
        async with asyncio.timeout(_WAIT_S):
            found, rebuilds = await watched(at.pool)
    except (psycopg.OperationalError, TimeoutError):
        return text_of([_database(answers=False)])
    return text_of([_database(answers=True), *of_installation(found, rebuilds)])


def _database(*, answers: bool) -> Metric:
    return gauge("database_answers", "Whether the database answers the api.", answers)


def _alive(own: str, wanted: int, others: Answers) -> Iterator[Metric]:
    yield gauge("api_processes_wanted", "How many api processes there are to be.", wanted)
    alive = GaugeMetricFamily(
        "tallystick_api_process_up", "Whether each tells its figures.", labels=("process",)
    )
    for place, text in ({own: b""} | others).items():
        alive.add_metric((place,), text is not None)
    yield alive


def _must_be_the_operator(request: Request, expected: str) -> None:
    """Raises: Unauthenticated."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    same = hmac.compare_digest(token.encode(), expected.encode())
    if scheme.lower() != "bearer" or not same:
        raise Unauthenticated(
            "Send the token that `tallystick metrics-token` prints as Authorization: Bearer."
        )
