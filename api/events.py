"""The organization's feed of everything that happens, without gaps."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from api.answers.happened import EventPage
from api.branch import must_be_kept, whole_number
from api.callers import caller
from api.openapi import LIMIT, WAITING, describe_query, parameter
from api.process import Process, process
from api.reads import MOST, caught_up, limit_of, only, opened
from api.references import known_to
from api.routes import PlainRoute
from read_model.log_headers import last_position
from write_model.incident.incident import INCIDENT
from write_model.kernel.access import Actor
from write_model.kernel.errors import Invalid, LogRestored
from write_model.kernel.messages import REGISTRY

router = APIRouter(prefix="/v1/events", tags=["Events"], route_class=PlainRoute)

READ = "events.read"


@router.get(
    "",
    openapi_extra=describe_query(
        READ,
        parameter("after", "The position to go on after; 0 for the beginning.", "integer"),
        parameter("epoch", "The one that came with `after`: 410 if it was lost since.", "integer"),
        parameter("type", "Only these types, with commas, such as incident.resolved."),
        parameter("subject", "Only this record, by id or reference."),
        LIMIT,
        *WAITING,
        answer=EventPage,
        errors=["not_found", "log_restored"],
    ),
)
async def events(request: Request) -> Response:
    """Events in CloudEvents envelopes; go on with `after` = `next`, which skips nothing."""
    at = process(request)
    with at.budgets.queries:
        actor = await caller(request, READ, within_teams=True)
        only(request, "after", "epoch", "type", "subject", "limit")
        after, limit = (
            whole_number(request.query_params, "after") or 0,
            limit_of(request, usual=MOST),
        )
        types = _types(request)
        subject = await _subject(request, at, actor)
        await must_be_kept(at, actor.tenant, request.query_params)
        shown = await caught_up(at, request, actor)
        feed = await at.questions.changes.after(
            actor.tenant, after, limit=limit, types=types, subject=subject, teams=actor.teams
        )
        if not feed.count and after > await last_position(at.pool, actor.tenant):
            raise LogRestored
        items = await opened(at, request, actor, feed.items)
        more = b"true" if feed.more else b"false"
        body = b'{"items":%b,"next":%d,"epoch":%d,"more":%b}' % (
            items,
            feed.through,
            feed.epoch,
            more,
        )
        going_on = request.url.include_query_params(after=feed.through, epoch=feed.epoch)
        link = f"{going_on.path}?{going_on.query}" if feed.more else None
        return shown.answer(body, link=link)


def _types(request: Request) -> list[str]:
    types = [name for name in request.query_params.get("type", "").split(",") if name]
    for name in types:
        if name not in REGISTRY:
            known = "Events tell theirs, such as incident.resolved."
            raise Invalid(f"There is no type of event {name}. {known}", field="type")
    return types


async def _subject(request: Request, at: Process, actor: Actor) -> UUID | None:
    named = request.query_params.get("subject")
    if not named:
        return None
    return await known_to(at.write_model, actor, INCIDENT, named)
