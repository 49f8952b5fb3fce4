"""Whether this process lives, and whether it can do its work."""

import psycopg
import structlog
from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.answers.operating import Health
from api.openapi import describe_public
from api.process import process
from read_model.health import projector_health

log = structlog.get_logger(__name__)

router = APIRouter(tags=["Operating"])


@router.get("/livez", openapi_extra=describe_public(Health))
async def livez() -> Response:
    """The process answers."""
    return _json({"status": "ok"}, 200)


@router.get("/readyz", openapi_extra=describe_public(Health, 200, 503))
async def readyz(request: Request) -> Response:
    """The database answers and its schema is there; 503 with the reason when not, or at the end.

    A projector that is paused and records that are parked degrade what is shown; one that does not
    move although there is something to do is unhealthy. Both are told with the reason, and under
    200: requests are answered all the same, so that nobody needs to send them elsewhere.
    """
    at = process(request)
    if at.draining.is_set():
        return _json({"status": "draining", "reason": "This process is about to end."}, 503)
    try:
        complaint = (await projector_health(at.pool)).complaint()
    except psycopg.Error as error:
        log.warning("not_ready", reason=type(error).__name__)
        return _json({"status": "unavailable", "reason": "The database does not answer."}, 503)
    if complaint is not None:
        status = "unhealthy" if complaint.is_stuck else "degraded"
        return _json({"status": status, "reason": complaint.reason}, 200)
    return _json({"status": "ok"}, 200)


def _json(content: object, status: int) -> Response:
    headers = {"Retry-After": "1"} if status == 503 else {}
    return Response(to_json(content), status, headers, "application/json")
