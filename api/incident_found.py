"""The incident that a route names, as it is shown now or was then, if its caller may see it."""

from __future__ import annotations

from uuid import UUID

from fastapi import Request

from api.callers import limited
from api.limits import DEAR
from api.past import as_it_was
from api.process import Process
from api.reads import Shown, caught_up
from api.references import record_id
from api.within_teams import must_show
from projections.as_of import Stood
from projections.incident.tables import INCIDENT as PROJECTED
from read_model.queries.incident import ShownIncident
from write_model.incident.incident import INCIDENT
from write_model.kernel.access import Actor
from write_model.kernel.errors import NotFound, NotShown


async def found_now(at: Process, actor: Actor, request: Request) -> tuple[Shown, ShownIncident]:
    """The incident once it is shown as far as was asked; what is parked stays stale.

    Raises: NotFound, also for who may not see it; NotShown where it cannot be shown.
    """
    shown = await caught_up(at, request, actor)
    found = await at.questions.incidents.find(actor.tenant, request.path_params["id"])
    if found is None:
        raise await _why_not(at, actor, request)
    must_show(actor, found.document)
    return Shown(found.position, shown.stale or found.is_parked), found


async def found_then(at: Process, actor: Actor, request: Request) -> tuple[Shown, ShownIncident]:
    """The incident as it was; the log has it before it is shown, but whoever waits is told so.

    Raises: Invalid, and what `found_now` raises.
    """
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


async def _why_not(at: Process, actor: Actor, request: Request) -> NotFound | NotShown:
    """That nothing is shown of an incident need not mean that there is none."""
    if actor.teams is not None:
        return NotFound()
    named = request.path_params["id"]
    stream = await record_id(at.write_model, actor.tenant, INCIDENT, named)
    is_there = await at.questions.incidents.is_kept_back(actor.tenant, stream)
    return NotShown() if is_there else NotFound()


async def _stood(at: Process, request: Request, actor: Actor) -> tuple[Stood, bool]:
    try:
        return await as_it_was(at, request, actor, PROJECTED, INCIDENT)
    except (NotFound, NotShown) as error:
        if actor.teams is not None:  # Why it is not there tells that it is.
            raise NotFound from error
        raise
