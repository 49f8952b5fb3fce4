"""Every list of incidents that is asked for: in each order, filtered, searched and counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from read_model.queries.asking import Asked, asked
from read_model.queries.cursor import Place
from read_model.queries.list_asked import ALLOWED
from read_model.queries.list_counts import facets_query
from read_model.queries.list_narrowed import parameters
from read_model.queries.list_page import nearest_query, page_query
from read_model.queries.searching import IS_GATHERED, ROUNDS
from tests.projections.story import MONDAY
from tests.read_model.question import Question, known_as
from tests.read_model.seeding import incident, person

Narrowing = Mapping[str, str]

NOT_CLOSED: tuple[Narrowing, ...] = ({"status": "open,in_progress"}, {"status": "open"})
FEW: tuple[Narrowing, ...] = (
    {"team": "team 7"},
    {"assignee": person(7)},
    {"source_key": "K77"},
    {"source": "desk", "source_key": "K77"},
)
"""Filters that leave some of all incidents, which an index finds."""

RARE: Narrowing = {"source": "radio"}
"""What one in thousands has, and others have in plenty."""

MANY: tuple[Narrowing, ...] = (
    {},
    {"status": "closed"},
    {"severity": "sev4"},
    {"priority": "high"},
    {"source": "desk"},
)
"""Those that leave so many that a page is full soon in any order."""

_HOUR = {"gte": MONDAY + timedelta(days=7), "lt": MONDAY + timedelta(days=7, hours=1)}
_FIRST, _LATE = 7, 28_000
"""Of these incidents, pages end with the one that is further from where the list begins."""
_LONG = {"gte": MONDAY - timedelta(days=1), "lt": MONDAY + timedelta(days=9_999)}


def lists() -> Iterator[Question]:
    yield from _pages()
    yield from _searches()
    yield from _facets()


def hour(name: str) -> Narrowing:
    """Within one hour, by the time of that name."""
    return _within(name, _HOUR)


def _within(name: str, times: Mapping[str, datetime]) -> Narrowing:
    return {f"{name}[{operator}]": time.isoformat() for operator, time in times.items()}


def ends(sort: str) -> Narrowing:
    """What begins and ends a list in that order, and leaves nearly everything."""
    name = sort.removeprefix("-")
    return {"severity": "sev3"} if name == "severity" else _within(name, _LONG)


def sorts() -> Iterator[str]:
    for name in sorted(ALLOWED.sorts):
        yield from (name, f"-{name}")


def page(name: str, question: Asked, place: Place | None = None, why: str = "") -> Question:
    """The first page, or the one after a place."""
    name = f"{name} {_said(question)} by {question.sort}"
    return Question(name, page_query(question, place), parameters(question, place), why)


def another_page(name: str, question: Asked, why: str = "") -> Question:
    """One far down the list."""
    n, sort = _FIRST if question.sort.startswith("-") else _LATE, question.sort.removeprefix("-")
    values = {"number": str(n), "severity": "3"}
    value = values.get(sort, (MONDAY + timedelta(minutes=n)).isoformat())
    return page(f"another page of {name}", question, Place(1, value, incident(n)), why)


def counts(name: str, question: Asked, why: str = "") -> Question:
    """All facets that are asked for, at once."""
    name = f"{name} {','.join(question.facets)} {_said(question)}"
    return Question(name, facets_query(question), parameters(question, None), why)


def _said(question: Asked) -> str:
    filters = (f"{name}={','.join(map(str, values))}" for name, values in question.filters.items())
    return " ".join((*filters, *(name for name, _ in question.ranges))) or "of all"


def _hours() -> Iterator[Narrowing]:
    return map(hour, sorted(ALLOWED.times))


def _pages() -> Iterator[Question]:
    for sort in sorts():
        for narrowing in (*MANY, *FEW, RARE, *NOT_CLOSED, *_hours()):
            yield page("list", asked({"sort": sort, **narrowing}, ALLOWED))
        yield another_page("list", asked({"sort": sort, "fields": "title"}, ALLOWED))
        if sort.removeprefix("-") != "number":
            yield another_page("list", asked({"sort": sort, **ends(sort)}, ALLOWED))


def _searches() -> Iterator[Question]:
    few = ROUNDS[0]._asdict()
    for words in ("serial7", "gate77", "leaks", "forklift", "gate77 -leaks"):
        yield Question(f"few {words}", known_as("queries.searching._ARE_FEW"), few | {"q": words})
    for sort in sorts():
        rare = asked({"sort": sort, "q": "gate77"}, ALLOWED)
        query = page_query(rare, None, IS_GATHERED)
        yield Question(f"gathered by {sort}", query, parameters(rare, None) | few)
        common = asked({"sort": sort, "q": "leaks"}, ALLOWED)
        query = nearest_query(common, None)
        yield Question(f"nearest by {sort}", query, parameters(common, None) | few)


_TALLIED: tuple[Narrowing, ...] = ({}, {"status": "closed"}, {"severity": "sev4", "team": "team 7"})


def _facets() -> Iterator[Question]:
    every = ",".join(sorted(ALLOWED.facets))
    for narrowing in _TALLIED:
        yield counts("facets", asked({"facets": "status,severity,team", **narrowing}, ALLOWED))
    for narrowing in (*FEW, RARE, *NOT_CLOSED, *_hours(), {"q": "gate77"}):
        yield counts("facets", asked({"facets": every, **narrowing}, ALLOWED))
    for narrowing in MANY:
        why = "Counts are of all that the filters leave."
        yield counts("facets", asked({"facets": every, **narrowing}, ALLOWED), why)
