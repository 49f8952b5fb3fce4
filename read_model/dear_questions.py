"""The questions whose answers are kept, and how each is computed: also for who has them ready."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from uuid import UUID

from pydantic_core import to_json

from read_model.cache import Cache
from read_model.dear import DearAnswers, DearQuestion
from read_model.queries.asking import Asked, asked
from read_model.queries.incident_list import ALLOWED, IncidentList
from read_model.queries.standing import Standings
from read_model.reader import Reader
from write_model.kernel.settings import Settings

INCIDENT_FACETS = "incident_facets/1"
"""Names end with a number, which rises when the same question is answered otherwise."""

_OF_A_PAGE = frozenset({"sort", "limit", "cursor", "fields"})


def dear_answers(
    reader: Reader, incident_list: IncidentList, cache: Cache, settings: Settings
) -> DearAnswers:
    computations = {INCIDENT_FACETS: partial(_facets, incident_list)}
    from_s = settings.keep_answers_from_ms / 1000
    return DearAnswers(Standings(reader), cache, computations, from_s=from_s)


def facets_asked(parameters: Mapping[str, str]) -> DearQuestion:
    """The counts beside a list that is asked for with these parameters, on whatever page."""
    counted = {name: text for name, text in parameters.items() if name not in _OF_A_PAGE}
    return DearQuestion.of(INCIDENT_FACETS, counted)


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
