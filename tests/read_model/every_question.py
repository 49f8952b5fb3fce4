"""Every question that is put to the database, as somebody would ask it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from read_model.queries.asking import Asked, asked
from read_model.queries.cursor import Place
from read_model.queries.list_asked import ALLOWED
from read_model.queries.listing import nearest_query, page_query
from read_model.queries.searching import IS_GATHERED
from tests.projections.story import MONDAY, NORTH
from tests.read_model.seeding import incident, person

FORKLIFT = UUID(incident(7))


@dataclass(frozen=True)
class Question:
    """`query`: SQL. `reads_all`: why it may read all that the organization has."""

    name: str
    query: Any
    parameters: Mapping[str, Any] | tuple[Any, ...] = field(default_factory=dict[str, Any])
    reads_all: str = ""


def questions() -> Iterator[Question]:
    yield from _of_one_incident()
    yield from _of_what_happened()
    yield from _of_the_log()
    yield from _pages()
    yield from _searches()
    yield from _facets()


def _known_as(name: str) -> Any:
    """What a module of read_model calls so."""
    module, _, attribute = name.rpartition(".")
    return vars(importlib.import_module(f"read_model.{module}"))[attribute]


def _put(name: str, **parameters: Any) -> Question:
    return Question(name, _known_as(name), parameters)


def _of_one_incident() -> Iterator[Question]:
    yield _put("queries.incident._BY_ID", ids=[FORKLIFT])
    yield _put("queries.incident._BY_NUMBER", number=7)
    page = {"stream": FORKLIFT, "limit": 500, "after": 1, "at": MONDAY, "version": 1}
    yield _put("queries.history._HISTORY", **page)
    for by, query in _known_as("queries.timeline._QUERIES").items():
        yield Question(f"timeline by {by}", query, page)


def _of_what_happened() -> Iterator[Question]:
    page = {"after": 7, "limit": 500, "types": ["incident.closed"], "subject": FORKLIFT}
    feed = _known_as("queries.changes._feed")
    for of_a_type in (False, True):
        for of_a_subject in (False, True):
            name = f"changes {of_a_type=} {of_a_subject=}"
            yield Question(name, feed(of_a_type, of_a_subject), page)
    yield _put("queries.position._APPLIED")
    yield _put("queries.people._BY_SUBJECT", subjects=[UUID(incident(n)) for n in (1, 21)])
    yield _put("queries.people._ALL", after=UUID(int=0), limit=50)
    yield _put("queries.parked.PARKED_OF_KIND", kind="incident")


def _of_the_log() -> Iterator[Question]:
    for name in ("health._HEALTH", "layout.POINTERS", "layout.NUMBER"):
        yield Question(name, _known_as(name))
    for name, parameters in {
        "log_headers._TAIL": (7, 500),
        "log_headers._MISSED": (NORTH, 7, 500),
        "log_headers._LAST": (NORTH,),
        "people._EVENTS": ([NORTH], [FORKLIFT], [0], ["membership.listed"]),
    }.items():
        yield Question(name, _known_as(name), parameters)


_FILTERS = {
    "status": "open,in_progress",
    "severity": "sev4",
    "priority": "high",
    "team": "team 7",
    "assignee": person(7),
    "source": "desk",
    "source_key": "K77",
}
_HOUR = {"gte": MONDAY + timedelta(days=7), "lt": MONDAY + timedelta(days=7, hours=1)}
_VALUES = {"number": "7", "severity": "3"}
"""Where a page ended, by sort; those of times are that hour."""


def _narrowings() -> Iterator[dict[str, str]]:
    yield {}
    yield {"status": "closed"}
    yield {"source": "desk", "source_key": "K77"}
    for name, value in _FILTERS.items():
        yield {name: value}
    for name in sorted(ALLOWED.times):
        yield {f"{name}[{operator}]": time.isoformat() for operator, time in _HOUR.items()}


def _sorts() -> Iterator[str]:
    for name in sorted(ALLOWED.sorts):
        yield from (name, f"-{name}")


def _pages() -> Iterator[Question]:
    for sort in _sorts():
        for narrowing in _narrowings():
            question = asked({"sort": sort, **narrowing}, ALLOWED)
            name = f"list {','.join(narrowing)} by {sort}"
            yield Question(name, page_query(question, None), _parameters(question))
        question = asked({"sort": sort, "fields": "title"}, ALLOWED)
        value = _VALUES.get(sort.removeprefix("-"), _HOUR["gte"].isoformat())
        place = Place(1, value, incident(7))
        query = page_query(question, place)
        yield Question(f"another page by {sort}", query, _parameters(question, place))


def _searches() -> Iterator[Question]:
    few = {"few": 2_000, "nearest": 20_000}
    for words in ("serial7", "gate77", "leaks", "forklift", "gate77 -leaks"):
        yield Question(f"few {words}", _known_as("queries.searching._ARE_FEW"), few | {"q": words})
    for sort in _sorts():
        rare = asked({"sort": sort, "q": "gate77"}, ALLOWED)
        query = page_query(rare, None, IS_GATHERED)
        yield Question(f"gathered by {sort}", query, _parameters(rare) | few)
        common = asked({"sort": sort, "q": "leaks"}, ALLOWED)
        query = nearest_query(common, None)
        yield Question(f"nearest by {sort}", query, _parameters(common) | few)


def _facets() -> Iterator[Question]:
    why = "Counts are of all that the filters leave."
    for narrowing in (*_narrowings(), {"q": "gate77"}):
        question = asked({"facets": ",".join(sorted(ALLOWED.facets)), **narrowing}, ALLOWED)
        query = _known_as("queries.incident_list._facets")(question)
        yield Question(f"facets {','.join(narrowing)}", query, _parameters(question), why)


def _parameters(question: Asked, place: Place | None = None) -> dict[str, Any]:
    found: dict[str, Any] = _known_as("queries.incident_list._parameters")(question, place)
    return found
