"""What may be asked in GraphQL: each field is a read of REST, with the same parameters."""

# Without postponed annotations: strawberry reads them at run time.

from typing import Any

import strawberry

from api.answers.figures import IncidentFigures
from api.answers.happened import HappenedPage
from api.answers.incidents import IncidentDocument, IncidentPage
from api.figures import incident_figures
from api.graphql.asking import USUAL_ITEMS, Asking, Route
from api.graphql.shapes import Long, shape_of
from api.incident_reads import history, incident, incidents, timeline

Info = strawberry.Info[Asking, None]

_INCIDENTS = "/v1/incidents"


@strawberry.input(description="From when until when; times with their offset.")
class Range:
    gte: str | None = None
    gt: str | None = None
    lte: str | None = None
    lt: str | None = None


@strawberry.input(description="Of several values of one field any will do.")
class Filters:
    status: list[str] | None = None
    severity: list[str] | None = None
    priority: list[str] | None = None
    team: list[str] | None = None
    assignee: list[str] | None = None
    source: list[str] | None = None
    source_key: list[str] | None = None
    opened_at: Range | None = None
    updated_at: Range | None = None
    closed_at: Range | None = None


async def _incident(
    info: Info,
    id: str,  # noqa: A002  (the argument's name in GraphQL)
    as_of: str | None = None,
    version: Long | None = None,
    min_position: Long | None = None,
) -> Any:
    asked = {"as_of": as_of, "version": version, "min_position": min_position}
    return await info.context.told(Route(_INCIDENTS + "/{id}", incident), asked, id=id)


async def _incidents(
    info: Info,
    filters: Filters | None = None,
    q: str | None = None,
    sort: str | None = None,
    facets: list[str] | None = None,
    as_of: str | None = None,
    cursor: str | None = None,
    limit: int = USUAL_ITEMS,
    min_position: Long | None = None,
) -> Any:
    asked = {
        **_narrowed(filters),
        "q": q,
        "sort": sort,
        "facets": _listed(facets),
        "as_of": as_of,
        "cursor": cursor,
        "limit": limit,
        "min_position": min_position,
    }
    return await info.context.told(Route(_INCIDENTS, incidents), asked)


async def _history(
    info: Info,
    id: str,  # noqa: A002  (as above)
    cursor: str | None = None,
    limit: int = USUAL_ITEMS,
    min_position: Long | None = None,
) -> Any:
    asked = {"cursor": cursor, "limit": limit, "min_position": min_position}
    return await info.context.told(Route(_INCIDENTS + "/{id}/history", history), asked, id=id)


async def _timeline(
    info: Info,
    id: str,  # noqa: A002  (as above)
    by: str | None = None,
    cursor: str | None = None,
    limit: int = USUAL_ITEMS,
    min_position: Long | None = None,
) -> Any:
    asked = {"by": by, "cursor": cursor, "limit": limit, "min_position": min_position}
    return await info.context.told(Route(_INCIDENTS + "/{id}/timeline", timeline), asked, id=id)


async def _figures(
    info: Info,
    interval: str | None = None,
    group_by: str | None = None,
    opened_from: str | None = None,
    opened_to: str | None = None,
    severity: list[str] | None = None,
    priority: list[str] | None = None,
    team: list[str] | None = None,
    source: list[str] | None = None,
    min_position: Long | None = None,
) -> Any:
    asked = {
        "interval": interval,
        "group_by": group_by,
        "from": opened_from,
        "to": opened_to,
        "severity": _listed(severity),
        "priority": _listed(priority),
        "team": _listed(team),
        "source": _listed(source),
        "min_position": min_position,
    }
    return await info.context.told(Route("/v1/metrics/incidents", incident_figures), asked)


def _narrowed(filters: Filters | None) -> dict[str, object]:
    asked = dict[str, object]()
    for name, value in vars(filters).items() if filters else ():
        if isinstance(value, Range):
            asked |= {f"{name}[{operator}]": time for operator, time in vars(value).items()}
        else:
            asked[name] = _listed(value)
    return asked


def _listed(values: list[str] | None) -> str | None:
    return None if values is None else ",".join(values)


@strawberry.type(description="All that may be asked; nothing is changed here.")
class Query:
    incident: Any = strawberry.field(
        resolver=_incident,
        graphql_type=shape_of(IncidentDocument) | None,
        description="One incident by id or reference, as it stands or stood.",
    )
    incidents: Any = strawberry.field(
        resolver=_incidents,
        graphql_type=shape_of(IncidentPage) | None,
        description="Incidents by filters, in pages, with counts where facets are asked for.",
    )
    history: Any = strawberry.field(
        resolver=_history,
        graphql_type=shape_of(HappenedPage) | None,
        description="Every event of an incident as it was recorded.",
    )
    timeline: Any = strawberry.field(
        resolver=_timeline,
        graphql_type=shape_of(HappenedPage) | None,
        description="The events of an incident in the order in which they happened.",
    )
    figures: Any = strawberry.field(
        resolver=_figures,
        graphql_type=shape_of(IncidentFigures) | None,
        description="How long incidents take, how many come back, and what is open now.",
    )
