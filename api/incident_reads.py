"""What may be asked about incidents."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import cast
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api import accesses
from api.answers.happened import HappenedPage
from api.answers.incidents import Actions, IncidentDocument, IncidentPage
from api.callers import caller, limited
from api.limits import DEAR
from api.openapi import (
    AS_OF,
    CURSOR,
    LIMIT,
    PAST,
    WAITING,
    describe_query,
    may_be_known,
    parameter,
)
from api.packing import VARY
from api.past import MOMENTS, as_it_was, as_of, is_of_the_past, items_then
from api.process import Process, process
from api.reads import JSON, Shown, caught_up, limit_of, next_page, only, opened
from api.references import record_id
from api.request_headers import seen
from api.routes import PlainRoute
from api.within_teams import must_be_of_his_teams, must_show, narrowed
from projections.as_of import Stood
from projections.incident.tables import INCIDENT as PROJECTED
from read_model.dear_questions import counted, facets_asked
from read_model.queries.asking import Asked, asked
from read_model.queries.history import Happened
from read_model.queries.incident import ShownIncident
from read_model.queries.list_asked import ALLOWED
from read_model.queries.timeline import Order
from write_model.incident.actions import allowed
from write_model.incident.incident import INCIDENT, Incident
from write_model.kernel.access import Actor
from write_model.kernel.errors import Invalid, NotFound, NotShown
from write_model.kernel.messages import Moment

router = APIRouter(prefix="/v1/incidents", tags=["Incidents"], route_class=PlainRoute)

READ = "incident.read"


def _filter_text(name: str) -> str:
    text = "One value, or several with commas"
    return f"{text}: {', '.join(values)}." if (values := ALLOWED.values.get(name)) else f"{text}."


_LIST_PARAMETERS = (
    *(parameter(name, _filter_text(name)) for name in sorted(ALLOWED.filters)),
    *(
        parameter(f"{name}[{operator}]", "A time with its offset.")
        for name in sorted(ALLOWED.times)
        for operator in ("gte", "gt", "lte", "lt")
    ),
    parameter(
        "q",
        "Words of title, description, resolution and notes, at most 200 characters;"
        ' "a phrase" in quotes, this or that, -without.',
    ),
    parameter("sort", f"One of {', '.join(sorted(ALLOWED.sorts))}; with - for the greatest first."),
    parameter("fields", "Which fields of the items, with commas."),
    parameter("facets", f"Counts of {', '.join(sorted(ALLOWED.facets))}, with commas."),
    AS_OF,
    CURSOR,
    LIMIT,
    *WAITING,
)


@router.get(
    "",
    openapi_extra=describe_query(
        READ, *_LIST_PARAMETERS, answer=IncidentPage, errors=["log_restored"]
    ),
)
async def incidents(request: Request) -> Response:
    """Incidents by filters, in pages, with counts under the same filters where asked for.

    With `as_of` all is told as it was then; such a list does not go by `updated_at`,
    and `q` searches the present only.
    """
    at = process(request)
    with at.budgets.queries:
        actor = await caller(request, READ, within_teams=True)
        given = narrowed(actor, request.query_params)
        question = asked(given, ALLOWED)
        if question.facets or question.as_of:
            await limited(request, actor, DEAR)
        question = await as_of(at.questions, actor.tenant, question)
        cut = question.cut
        shown = await caught_up(at, request, actor, cut.position if cut else 0)
        asking = at.questions.past_list if cut else at.questions.incident_list
        page = await asking.page(actor.tenant, question)
        items = await items_then(at.questions, actor.tenant, page.items, question)
        rest: dict[str, object] = {"next_cursor": page.next_cursor}
        if page.parked and actor.teams is None:
            rest["parked"] = page.parked
        body = b'{"items":%b,%b' % (items, to_json(rest)[1:])
        if question.facets:
            body = b'%b,"facets":%b}' % (body[:-1], await _facets(at, actor, question, given))
        shown = shown._replace(position=min(cut.position, page.position) if cut else page.position)
        return shown.answer(body, link=next_page(request, page.next_cursor))


@router.get(
    "/{id}",
    openapi_extra=may_be_known(
        describe_query(READ, *PAST, *WAITING, answer=IncidentDocument, errors=["not_found"])
    ),
)
async def incident(request: Request) -> Response:
    """One incident as it stands, or stood, with the names of the people in it.

    With `as_of` or `version` it is told as it was then; names and what was erased are of today.
    """
    at = process(request)
    with at.budgets.queries:
        actor = await caller(request, READ, within_teams=True)
        only(request, *MOMENTS)
        looked_up = _found_then if is_of_the_past(request) else _found
        shown, found = await looked_up(at, actor, request)
        body = await _rendered(at, actor, found)
        etag = f'"{found.version}.{blake2b(body, digest_size=8).hexdigest()}"'
        if not shown.stale and (known := seen(request, etag)):
            return Response(status_code=304, headers={"ETag": known, "Vary": VARY})
        _write_down(request, actor, found)
        return shown.answer(body, etag)


@router.get(
    "/{id}/history",
    openapi_extra=describe_query(
        READ, CURSOR, LIMIT, *WAITING, answer=HappenedPage, errors=["not_found", "log_restored"]
    ),
)
async def history(request: Request) -> Response:
    """Every event of an incident as it was recorded, with each field before and after."""
    at = process(request)
    with at.budgets.queries:
        actor = await caller(request, READ, within_teams=True)
        only(request, "cursor", "limit")
        shown, found = await _found(at, actor, request)
        happened = await at.questions.histories.of(
            actor.tenant, found.id, limit=limit_of(request), cursor=_cursor(request)
        )
        return await _page(at, request, actor, shown, happened)


@router.get(
    "/{id}/timeline",
    openapi_extra=describe_query(
        READ,
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
        actor = await caller(request, READ, within_teams=True)
        only(request, "by", "cursor", "limit")
        order = _order(request)
        shown, found = await _found(at, actor, request)
        happened = await at.questions.timelines.of(
            actor.tenant, found.id, by=order, limit=limit_of(request), cursor=_cursor(request)
        )
        return await _page(at, request, actor, shown, happened)


@router.get(
    "/{id}/actions", openapi_extra=describe_query(READ, answer=Actions, errors=["not_found"])
)
async def actions(request: Request) -> Response:
    """The commands that you may issue next, in the order of an incident's life."""
    at = process(request)
    with at.budgets.queries:
        actor = await caller(request, READ, within_teams=True)
        only(request)
        named = request.path_params["id"]
        stream = await record_id(at.write_model, actor.tenant, INCIDENT, named)
        state, version = await at.write_model.state(actor.tenant, stream, INCIDENT)
        if not version:
            raise NotFound
        must_be_of_his_teams(actor, cast("Incident", state).team)
        now = at.identity.clock()
        decider = at.write_model.decider
        policies = await decider.policies.of(actor.tenant)
        moment = Moment(actor, now, now, stream, decider.ids, policies)
        verbs = allowed(cast("Incident", state), moment)
        body = to_json({"id": stream, "version": version, "actions": verbs})
        return Response(body, headers={"Cache-Control": "no-store"}, media_type=JSON)


async def _found(at: Process, actor: Actor, request: Request) -> tuple[Shown, ShownIncident]:
    """The incident once it is shown as far as was asked; what is parked stays stale."""
    shown = await caught_up(at, request, actor)
    found = await at.questions.incidents.find(actor.tenant, request.path_params["id"])
    if found is None:
        raise await _why_not(at, actor, request)
    must_show(actor, found.document)
    return Shown(found.position, shown.stale or found.is_parked), found


async def _found_then(at: Process, actor: Actor, request: Request) -> tuple[Shown, ShownIncident]:
    """The incident as it was; the log has it before it is shown, but whoever waits is told so."""
    shown = await caught_up(at, request, actor)
    await limited(request, actor, DEAR)
    stood, is_cut = await _stood(at, request, actor)
    row = stood.row(PROJECTED)
    must_show(actor, row["document"])
    found = ShownIncident(
        id=row["id"],
        number=row["number"],
        version=row["version"],
        is_personal=row["is_personal"],
        is_parked=is_cut,
        position=None,
        people=tuple(map(UUID, row["people"])),
        document=row["document"],
    )
    return (shown._replace(stale=True) if is_cut else shown), found


async def _stood(at: Process, request: Request, actor: Actor) -> tuple[Stood, bool]:
    try:
        return await as_it_was(at, request, actor, PROJECTED, INCIDENT)
    except (NotFound, NotShown) as error:
        if actor.teams is not None:  # Why it is not there tells that it is.
            raise NotFound from error
        raise


async def _facets(at: Process, actor: Actor, question: Asked, given: Mapping[str, str]) -> bytes:
    """What was counted at an earlier moment is asked so seldom that it is not kept."""
    if question.cut:
        return await counted(at.questions.past_list, actor.tenant, question)
    return await at.questions.dear_answers.dear(actor.tenant, facets_asked(given))


async def _why_not(at: Process, actor: Actor, request: Request) -> NotFound | NotShown:
    """That nothing is shown of an incident need not mean that there is none."""
    if actor.teams is not None:
        return NotFound()
    named = request.path_params["id"]
    stream = await record_id(at.write_model, actor.tenant, INCIDENT, named)
    is_there = await at.questions.incidents.is_kept_back(actor.tenant, stream)
    return NotShown() if is_there else NotFound()


async def _rendered(at: Process, actor: Actor, found: ShownIncident) -> bytes:
    document = found.document
    if found.is_personal:
        document = await at.identity.rim.open_sealed(document, actor)
    return await at.identity.rim.with_names(document, actor.tenant, found.people)


def _write_down(request: Request, actor: Actor, found: ShownIncident) -> None:
    if found.is_personal and actor.may_within(accesses.PERSONAL):
        accesses.shown(request, actor, accesses.PERSONAL)
    elif found.people:
        accesses.shown(request, actor, READ)


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
