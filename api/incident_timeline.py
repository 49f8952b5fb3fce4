"""What has happened to an incident: as it was recorded, and in the order of time."""

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.answers.happened import HappenedPage
from api.callers import caller
from api.incident_found import found_now
from api.openapi import CURSOR, LIMIT, WAITING, describe_query, parameter
from api.process import Process, process
from api.reads import Shown, limit_of, next_page, only, opened
from api.routes import PlainRoute
from read_model.queries.history import Happened
from read_model.queries.timeline import Order
from write_model.kernel.access import Actor
from write_model.kernel.errors import Invalid

router = APIRouter(prefix="/v1/incidents", tags=["Incidents"], route_class=PlainRoute)

_READ = "incident.read"


@router.get(
    "/{id}/history",
    openapi_extra=describe_query(
        _READ, CURSOR, LIMIT, *WAITING, answer=HappenedPage, errors=["not_found", "log_restored"]
    ),
)
async def history(request: Request) -> Response:
    """Every event of an incident as it was recorded, with each field before and after."""
    at = process(request)
    with at.budgets.queries:
        actor = await caller(request, _READ, within_teams=True)
        only(request, "cursor", "limit")
        shown, found = await found_now(at, actor, request)
        happened = await at.questions.histories.of(
            actor.tenant, found.id, limit=limit_of(request), cursor=_cursor(request)
        )
        return await _page(at, request, actor, shown, happened)


@router.get(
    "/{id}/timeline",
    openapi_extra=describe_query(
        _READ,
        parameter("by", "By which time.", enum=["occurred_at", "recorded_at"]),
        CURSOR,
        LIMIT,
        *WAITING,
        answer=HappenedPage,
        errors=["not_found", "log_restored"],
    ),
)
async def timeline(request: Request) -> Response:
    """The events of an incident in the order in which they happened, or were recorded."""
    at = process(request)
    with at.budgets.queries:
        actor = await caller(request, _READ, within_teams=True)
        only(request, "by", "cursor", "limit")
        order = _order(request)
        shown, found = await found_now(at, actor, request)
        happened = await at.questions.timelines.of(
            actor.tenant, found.id, by=order, limit=limit_of(request), cursor=_cursor(request)
        )
        return await _page(at, request, actor, shown, happened)


async def _page(
    at: Process, request: Request, actor: Actor, shown: Shown, happened: Happened
) -> Response:
    cursor = to_json(happened.next_cursor)
    body = b'{"items":%b,"next_cursor":%b}' % (happened.items, cursor)
    body = await opened(at, request, actor, body)
    return shown.answer(body, link=next_page(request, happened.next_cursor))


def _cursor(request: Request) -> str | None:
    return request.query_params.get("cursor") or None


def _order(request: Request) -> Order:
    match request.query_params.get("by", "occurred_at"):
        case "occurred_at":
            return "occurred_at"
        case "recorded_at":
            return "recorded_at"
        case _:
            raise Invalid("Sort a timeline by occurred_at or recorded_at.", field="by")
