"""The list of incidents: what it may be narrowed by, its pages and the counts beside them."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.answers.incidents import IncidentPage
from api.callers import caller, limited
from api.limits import DEAR
from api.openapi import AS_OF, CURSOR, LIMIT, WAITING, describe_query, parameter
from api.past import as_of, items_then
from api.process import Process, process
from api.reads import caught_up, next_page
from api.routes import PlainRoute
from api.within_teams import narrowed
from read_model.dear_questions import counted, facets_asked
from read_model.queries.asking import Asked, asked
from read_model.queries.list_asked import ALLOWED
from write_model.kernel.access import Actor

router = APIRouter(prefix="/v1/incidents", tags=["Incidents"], route_class=PlainRoute)

_READ = "incident.read"


def _filter_text(name: str) -> str:
    text = "One value, or several with commas"
    return f"{text}: {', '.join(values)}." if (values := ALLOWED.values.get(name)) else f"{text}."


_PARAMETERS = (
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
    openapi_extra=describe_query(_READ, *_PARAMETERS, answer=IncidentPage, errors=["log_restored"]),
)
async def incidents(request: Request) -> Response:
    """Incidents by filters, in pages, with counts under the same filters where asked for.

    With `as_of` all is told as it was then; such a list does not go by `updated_at`,
    and `q` searches the present only.
    """
    at = process(request)
    with at.budgets.queries:
        actor = await caller(request, _READ, within_teams=True)
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


async def _facets(at: Process, actor: Actor, question: Asked, given: Mapping[str, str]) -> bytes:
    """What was counted at an earlier moment is asked so seldom that it is not kept."""
    if question.cut:
        return await counted(at.questions.past_list, actor.tenant, question)
    return await at.questions.dear_answers.dear(actor.tenant, facets_asked(given))
