"""How an organization's rows are kept, and having them made anew, for who administers it."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from api.admission import MANAGE_PROJECTIONS, admitted
from api.answers.projections import AcceptedRebuild, KeptProjections
from api.bodies import body
from api.callers import caller
from api.identity.describing import describe_body
from api.openapi import answers, describe_query
from api.process import Process, process
from api.reads import JSON, only
from api.references import record_id
from api.routes import PlainRoute
from projections.catalog import CATALOG
from projections.engine.mending import mendable
from read_model.queries.projections import RebuildAsked, ShownProjection, ask_for_rebuild
from write_model.incident.incident import INCIDENT
from write_model.kernel.access import Actor
from write_model.kernel.errors import Conflict, Invalid, NotFound
from write_model.kernel.ids import new_id
from write_model.kernel.messages import REGISTRY

router = APIRouter(prefix="/v1/admin/projections", tags=["Operating"], route_class=PlainRoute)


class Choice(BaseModel):
    """Which of your organization's records; all of them when nothing is said."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    record: str | None = Field(default=None, min_length=1, max_length=36)
    """Only this one: its id, or its reference, such as INC-42."""
    type: str | None = Field(default=None, max_length=64)
    """Only those of this kind, such as incident."""
    from_position: int | None = Field(default=None, ge=1, lt=2**63)
    """Only those with an event at this position of the organization or later."""


@router.get("", openapi_extra=describe_query(MANAGE_PROJECTIONS, answer=KeptProjections))
async def projections(request: Request) -> Response:
    """What is shown to your organization: how far it has come, and how its rebuilds are."""
    at = process(request)
    with at.budgets.queries:
        actor = await caller(request, MANAGE_PROJECTIONS)
        only(request)
        kept = await at.questions.projections.kept(actor.tenant)
        shown = await at.questions.projections.shown(actor.tenant)
    content = {
        "position": kept.applied,
        "behind": kept.behind,
        "waiting_s": round(kept.waiting_s or 0.0, 3),
        "running": kept.is_led,
        "paused": kept.is_paused,
        "parked": kept.parked,
        "items": [_item(each) for each in shown],
    }
    return Response(to_json(content), headers={"Cache-Control": "no-store"}, media_type=JSON)


@router.post(
    "/{projection}/rebuild",
    status_code=202,
    openapi_extra=describe_body(
        MANAGE_PROJECTIONS,
        Choice,
        responses=answers(AcceptedRebuild, 202),
        errors=("not_found", "conflict"),
    ),
)
async def rebuild(request: Request) -> Response:
    """Have rows of your organization folded anew from its events, where they are.

    Readers notice nothing. One rebuild runs at a time, and others wait for it; who asks for the
    same while it waits or runs is refused. Nobody else's rows are touched: whole projections
    are rebuilt by who operates the installation.
    """
    at, projection = process(request), request.path_params["projection"]
    async with admitted(request, MANAGE_PROJECTIONS) as actor:
        asked = await _asked(at, actor, projection, await body(request, Choice))
        if not await ask_for_rebuild(at.pool, actor.tenant, asked, by=actor.id):
            raise Conflict(
                f"These rows of {projection} are being rebuilt already; wait until that has ended."
            )
    content = {"id": asked.id, "name": projection, "state": "waiting"}
    return Response(to_json(content), 202, media_type=JSON)


async def _asked(at: Process, actor: Actor, name: str, choice: Choice) -> RebuildAsked:
    if name not in {each.name for each in CATALOG.projections}:
        raise NotFound("There is no such projection; GET /v1/admin/projections names them.")
    if name not in mendable(CATALOG):
        raise Invalid(
            "It has no rows of single records, and is only rebuilt whole.", field="projection"
        )
    if choice.type is not None and choice.type not in _kinds():
        raise Invalid(f"Name one of {', '.join(sorted(_kinds()))}.", field="type")
    stream = None
    if choice.record is not None:
        stream = await record_id(at.write_model, actor.tenant, INCIDENT, choice.record)
    return RebuildAsked(new_id(), [name], stream, choice.type, choice.from_position)


def _kinds() -> set[str]:
    return {topic.partition(".")[0] for topic in REGISTRY}


def _item(shown: ShownProjection) -> dict[str, Any]:
    rebuild = shown.rebuild and {
        "id": shown.rebuild,
        "state": shown.state,
        "phase": shown.phase,
        "share": shown.share,
        "requested_at": shown.requested_at,
        "ended_at": shown.ended_at,
        "error": shown.error,
    }
    return {
        "name": shown.name,
        "version": shown.version,
        "table": shown.table,
        "rebuild": rebuild,
    }
