"""One incident for whoever asks: people named, sealed values opened as far as he may see them."""

from hashlib import blake2b

from fastapi import APIRouter, Request, Response

from api import accesses
from api.answers.incidents import IncidentDocument
from api.callers import caller
from api.incident_found import found_now, found_then
from api.openapi import PAST, WAITING, describe_query, may_be_known
from api.packing import VARY
from api.past import MOMENTS, is_of_the_past
from api.process import Process, process
from api.reads import only
from api.request_headers import seen
from api.routes import PlainRoute
from read_model.queries.incident import ShownIncident
from write_model.kernel.access import Actor

router = APIRouter(prefix="/v1/incidents", tags=["Incidents"], route_class=PlainRoute)

_READ = "incident.read"


@router.get(
    "/{id}",
    openapi_extra=may_be_known(
        describe_query(_READ, *PAST, *WAITING, answer=IncidentDocument, errors=["not_found"])
    ),
)
async def incident(request: Request) -> Response:
    """One incident as it stands, or stood, with the names of the people in it.

    With `as_of` or `version` it is told as it was then; names and what was erased are of today.
    """
    at = process(request)
    with at.budgets.queries:
        actor = await caller(request, _READ, within_teams=True)
        only(request, *MOMENTS)
        looked_up = found_then if is_of_the_past(request) else found_now
        shown, found = await looked_up(at, actor, request)
        body = await _rendered(at, actor, found)
        etag = f'"{found.version}.{blake2b(body, digest_size=8).hexdigest()}"'
        if not shown.stale and (known := seen(request, etag)):
            return Response(status_code=304, headers={"ETag": known, "Vary": VARY})
        _write_down(request, actor, found)
        return shown.answer(body, etag)


async def _rendered(at: Process, actor: Actor, found: ShownIncident) -> bytes:
    document = found.document
    if found.is_personal:
        document = await at.identity.rim.open_sealed(document, actor)
    return await at.identity.rim.with_names(document, actor.tenant, found.people)


def _write_down(request: Request, actor: Actor, found: ShownIncident) -> None:
    if found.is_personal and actor.may_within(accesses.PERSONAL):
        accesses.shown(request, actor, accesses.PERSONAL)
    elif found.people:
        accesses.shown(request, actor, _READ)
