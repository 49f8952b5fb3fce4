"""Figures that are computed from many records at once."""

from fastapi import APIRouter, Request, Response

from api.answers.figures import IncidentFigures
from api.callers import caller, limited
from api.limits import DEAR
from api.openapi import WAITING, describe_query, parameter
from api.process import process
from api.reads import caught_up
from api.routes import PlainRoute
from api.within_teams import narrowed
from read_model.dear_questions import figures_question
from read_model.queries.figures_asked import FILTERS, GROUPS, INTERVALS

router = APIRouter(prefix="/v1/metrics", tags=["Metrics"], route_class=PlainRoute)

_PARAMETERS = (
    parameter("interval", f"One of {', '.join(INTERVALS)}: in UTC, a week begins on Monday."),
    parameter("group_by", f"One of {', '.join(GROUPS)}."),
    parameter("from", "Incidents opened at this time or later; with its offset."),
    parameter("to", "Incidents opened before this time; with its offset."),
    *(parameter(name, "One value, or several with commas.") for name in FILTERS),
    *WAITING,
)


@router.get(
    "/incidents",
    openapi_extra=describe_query("incident.read", *_PARAMETERS, answer=IncidentFigures),
)
async def incident_figures(request: Request) -> Response:
    """How long incidents take, how many come back, what they wait for, and what is open now."""
    at = process(request)
    with at.budgets.queries:
        actor = await caller(request, "incident.read", within_teams=True)
        await limited(request, actor, DEAR)
        question = figures_question(narrowed(actor, request.query_params))
        shown = await caught_up(at, request, actor)
        return shown.answer(await at.questions.dear_answers.dear(actor.tenant, question))
