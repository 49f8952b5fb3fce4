"""What may be asked in GraphQL: each field is a read of REST, with the same parameters."""

# Without postponed annotations: strawberry reads them at run time.

from collections.abc import Callable, Iterator, Mapping
from inspect import Parameter, Signature, signature
from typing import Any, cast

import strawberry

from api.answers.answer import Answer
from api.answers.figures import IncidentFigures
from api.answers.happened import HappenedPage
from api.answers.incidents import IncidentDocument, IncidentPage
from api.figures import incident_figures
from api.graphql.asking import USUAL_ITEMS, Asking, Endpoint, Route
from api.graphql.shapes import Long, shape_of
from api.incident_document import incident
from api.incident_list import incidents
from api.incident_timeline import history, timeline

Info = strawberry.Info[Asking, None]

_INFO = Parameter("info", Parameter.POSITIONAL_OR_KEYWORD, annotation=Info)
_OVER_REST = {"opened_from": "from", "opened_to": "to"}
"""Argument -> the parameter, where that has another name."""


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


Answered = Callable[[Callable[..., None]], Any]
"""Makes a field of a method: its parameters are the field's, and its text."""


def _answered(answer: type[Answer], path: str, endpoint: Endpoint) -> Answered:
    """By the route at this path; what stands in the path comes as `id`."""
    route = Route(path, endpoint)

    def field(method: Callable[..., None]) -> Any:
        async def resolver(info: Info, **given: Any) -> Any:
            places = {"id": given.pop("id")} if "{id}" in path else {}
            return await info.context.told(route, dict(_over_rest(given)), **places)

        _, *parameters = signature(method).parameters.values()
        shown = Signature([_INFO, *parameters])
        resolver.__signature__ = shown  # type: ignore[attr-defined]  # PEP 362; no stub has it
        kind = shape_of(answer) | None
        return strawberry.field(resolver, graphql_type=kind, description=method.__doc__)

    return field


def _over_rest(given: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """The parameters of the route, of several values with commas."""
    for name, value in given.items():
        match value:
            case Filters():
                yield from _over_rest(vars(value))
            case Range():
                yield from ((f"{name}[{operator}]", time) for operator, time in vars(value).items())
            case list():
                yield name, ",".join(cast("list[str]", value))
            case _:
                yield _OVER_REST.get(name, name), value


@strawberry.type(description="All that may be asked; nothing is changed here.")
class Query:
    @_answered(IncidentDocument, "/v1/incidents/{id}", incident)
    def incident(
        self,
        id: str,  # noqa: A002  (the argument's name in GraphQL)
        as_of: str | None = None,
        version: Long | None = None,
        min_position: Long | None = None,
    ) -> None:
        """One incident by id or reference, as it stands or stood."""

    @_answered(IncidentPage, "/v1/incidents", incidents)
    def incidents(
        self,
        filters: Filters | None = None,
        q: str | None = None,
        sort: str | None = None,
        facets: list[str] | None = None,
        as_of: str | None = None,
        cursor: str | None = None,
        limit: int = USUAL_ITEMS,
        min_position: Long | None = None,
    ) -> None:
        """Incidents by filters, in pages, with counts where facets are asked for."""

    @_answered(HappenedPage, "/v1/incidents/{id}/history", history)
    def history(
        self,
        id: str,  # noqa: A002  (as above)
        cursor: str | None = None,
        limit: int = USUAL_ITEMS,
        min_position: Long | None = None,
    ) -> None:
        """Every event of an incident as it was recorded."""

    @_answered(HappenedPage, "/v1/incidents/{id}/timeline", timeline)
    def timeline(
        self,
        id: str,  # noqa: A002  (as above)
        by: str | None = None,
        cursor: str | None = None,
        limit: int = USUAL_ITEMS,
        min_position: Long | None = None,
    ) -> None:
        """The events of an incident in the order in which they happened."""

    @_answered(IncidentFigures, "/v1/metrics/incidents", incident_figures)
    def figures(
        self,
        interval: str | None = None,
        group_by: str | None = None,
        opened_from: str | None = None,
        opened_to: str | None = None,
        severity: list[str] | None = None,
        priority: list[str] | None = None,
        team: list[str] | None = None,
        source: list[str] | None = None,
        min_position: Long | None = None,
    ) -> None:
        """How long incidents take, how many come back, and what is open now."""
