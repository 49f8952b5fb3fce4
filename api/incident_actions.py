"""Which commands an incident admits now, from whoever asks."""

from typing import cast

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.answers.incidents import Actions
from api.callers import caller
from api.openapi import describe_query
from api.process import process
from api.reads import JSON, only
from api.references import record_id
from api.routes import PlainRoute
from api.within_teams import must_be_of_his_teams
from write_model.incident.actions import allowed
from write_model.incident.incident import INCIDENT, Incident
from write_model.kernel.errors import NotFound
from write_model.kernel.messages import Moment

router = APIRouter(prefix="/v1/incidents", tags=["Incidents"], route_class=PlainRoute)

_READ = "incident.read"


@router.get(
    "/{id}/actions", openapi_extra=describe_query(_READ, answer=Actions, errors=["not_found"])
)
async def actions(request: Request) -> Response:
    """The commands that you may issue next, in the order of an incident's life."""
    at = process(request)
    with at.budgets.queries:
        actor = await caller(request, _READ, within_teams=True)
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
