"""Who asks: as whom, in which organization and in which roles."""

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.answers.people import Me
from api.callers import caller
from api.commands import JSON
from api.openapi import describe_query
from api.process import process
from api.reads import only

router = APIRouter(prefix="/v1/me", tags=["People"])


@router.get("", openapi_extra=describe_query("people.read", answer=Me))
async def me(request: Request) -> Response:
    """Who you are here, and what you may do."""
    with process(request).budgets.queries:
        actor = await caller(request, "people.read")
        only(request)
        names = await process(request).identity.people.names(actor.tenant, [actor.id])
    content = {
        "id": actor.id,
        "name": names.get(actor.id),
        "organization": actor.tenant,
        "roles": sorted(actor.roles),
        "until": actor.until,
        "teams": None if actor.teams is None else sorted(actor.teams),
    }
    return Response(to_json(content), media_type=JSON)
