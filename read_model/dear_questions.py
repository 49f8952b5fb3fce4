"""The questions whose answers are kept, and how each is computed: also for who has them ready."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from uuid import UUID

from pydantic_core import to_json

from read_model.cache import Cache
from read_model.dear import Computation, DearAnswers, DearQuestion
from read_model.queries.asking import Asked, asked
from read_model.queries.figures_asked import figures_asked
from read_model.queries.incident_figures import IncidentFigures
from read_model.queries.incident_list import IncidentList
from read_model.queries.list_asked import ALLOWED
from read_model.queries.standing import Standings
from read_model.reader import Reader
from write_model.kernel.clock import Clock
from write_model.kernel.settings import Settings

INCIDENT_FACETS, INCIDENT_FIGURES = "incident_facets/1", "incident_figures/1"
"""Names end with a number, which rises when the same question is answered otherwise."""

_FIGURES_LAST_S = 60
"""They tell until when they measured."""

_OF_A_PAGE = frozenset({"sort", "limit", "cursor", "fields"})


def dear_answers(
    reader: Reader,
    incident_list: IncidentList,
    cache: Cache,
    settings: Settings,
    clock: Clock,
) -> DearAnswers:
    figures = partial(_figures, IncidentFigures(reader), clock)
    computations = {
        INCIDENT_FACETS: Computation(partial(_facets, incident_list)),
        INCIDENT_FIGURES: Computation(figures, _FIGURES_LAST_S),
    }
    from_s = settings.keep_answers_from_ms / 1000
    return DearAnswers(Standings(reader), cache, computations, clock, from_s=from_s)


def figures_question(parameters: Mapping[str, str]) -> DearQuestion:
    """Raises: Invalid for whatever is not known, by name."""
    figures_asked(parameters)
    return DearQuestion.of(INCIDENT_FIGURES, parameters)


def facets_asked(parameters: Mapping[str, str]) -> DearQuestion:
    """The counts beside a list that is asked for with these parameters, on whatever page."""
    counted = {name: text for name, text in parameters.items() if name not in _OF_A_PAGE}
    return DearQuestion.of(INCIDENT_FACETS, counted)


async def _figures(
    figures: IncidentFigures, clock: Clock, tenant: UUID, parameters: Mapping[str, str]
) -> bytes:
    return await figures.figures(tenant, figures_asked(parameters), clock())


async def _facets(
    incident_list: IncidentList, tenant: UUID, parameters: Mapping[str, str]
) -> bytes:
    return await counted(incident_list, tenant, asked(parameters, ALLOWED))


async def counted(incident_list: IncidentList, tenant: UUID, question: Asked) -> bytes:
    """A JSON object: facet -> value -> how many, `""` where there is no value."""
    counts = await incident_list.facets(tenant, question)
    return to_json(
        {
            name: {value or "": count for value, count in found.items()}
            for name, found in counts.items()
        }
    )
