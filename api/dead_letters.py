"""Routes for what could not be applied: see it, let it be tried again, or leave an event out.

The projector does what is asked for, as this process writes nothing that is shown.
"""

from typing import Annotated

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import to_json

from api.admission import MANAGE_PROJECTIONS, admitted
from api.answers.dead_letters import Asked, DeadLetters, RepairAsked
from api.bodies import body
from api.callers import caller
from api.identity.describing import describe_body
from api.openapi import LIMIT, PERMISSION, QUERY_ERRORS, answers, describe_query, problems
from api.process import process
from api.reads import JSON, limit_of, only
from api.references import record_id, reference_of
from api.routes import PlainRoute
from read_model.dead_letters import DeadLetter, ask_repair, dead_letters
from write_model.incident.incident import INCIDENT
from write_model.kernel.access import Actor
from write_model.kernel.errors import Conflict, NotFound
from write_model.kernel.texts import STORABLE

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/v1/admin/dead-letters", tags=["Operating"], route_class=PlainRoute)


class SkippedEvent(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    version: Annotated[int, Field(ge=1, lt=2**63)]
    """Of the event, as the list tells it: no other one is left out."""
    reason: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000, pattern=STORABLE),
    ]
    """Why the record is better shown without it; it is kept."""


@router.get("", openapi_extra=describe_query(MANAGE_PROJECTIONS, LIMIT, answer=DeadLetters))
async def listed(request: Request) -> Response:
    """The organization's parked records: each with the event that could not be applied.

    A record leaves the list when all its events are applied; so the rest comes into sight.
    """
    at = process(request)
    with at.budgets.queries:
        actor = await caller(request, MANAGE_PROJECTIONS)
        only(request, "limit")
        found = await dead_letters(at.pool, actor.tenant, limit_of(request))
    items = [_item(each) for each in found.items]
    content = {"items": items, "records": found.records, "events": found.events}
    headers = {"Cache-Control": "no-store"}
    return Response(to_json(content), headers=headers, media_type=JSON)


@router.post(
    "/{stream}/retry",
    status_code=202,
    openapi_extra={
        PERMISSION: MANAGE_PROJECTIONS,
        "responses": {**answers(RepairAsked, 202), **problems((*QUERY_ERRORS, "not_found"))},
    },
)
async def retry(request: Request) -> Response:
    """Let a parked record's events be tried again, in order, once what was wrong is mended.

    What still cannot be applied stays in the list, with the reason that it has then.
    """
    async with admitted(request, MANAGE_PROJECTIONS) as actor:
        return await _asked(request, actor, "retry")


@router.post(
    "/{stream}/skip",
    status_code=202,
    openapi_extra=describe_body(
        MANAGE_PROJECTIONS,
        SkippedEvent,
        responses=answers(RepairAsked, 202),
        errors=("not_found", "conflict"),
    ),
)
async def skip(request: Request) -> Response:
    """Show a record without the event that could not be applied, for good, and retry the others.

    The event stays in the log, in the record's history and in the feed.
    """
    async with admitted(request, MANAGE_PROJECTIONS) as actor:
        given = await body(request, SkippedEvent)
        return await _asked(request, actor, "skip", version=given.version, reason=given.reason)


async def _asked(
    request: Request, actor: Actor, what: Asked, *, version: int | None = None, reason: str = ""
) -> Response:
    at = process(request)
    stream = await record_id(at.write_model, actor.tenant, INCIDENT, request.path_params["stream"])
    first = await ask_repair(
        at.pool, actor.tenant, stream, version=version, reason=reason, by=actor.id
    )
    _must_be_meant(first, version)
    log.info("dead_letters.asked", what=what, stream=str(stream), by=str(actor.id))
    return Response(to_json({"stream": stream, "asked": what}), 202, media_type=JSON)


def _must_be_meant(first: int | None, version: int | None) -> None:
    """Raises: NotFound, Conflict."""
    if first is None:
        raise NotFound("No event of this record is parked.")
    if version not in (None, first):
        raise Conflict(
            f"The first event of this record that is parked has version {first}; look again."
        )


def _item(found: DeadLetter) -> dict[str, object]:
    return {
        "stream": found.stream,
        "reference": reference_of(found.type, found.number),
        "version": found.version,
        "type": found.type,
        "position": found.position,
        "reason": found.reason,
        "behind": found.behind,
        "since": found.since,
        "asked": found.asked,
    }
