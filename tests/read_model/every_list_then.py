"""Every list of incidents as of a moment when few had begun, and of one when all had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from read_model.queries.asking import Asked, Cut, asked
from read_model.queries.list_asked import ALLOWED
from tests.projections.story import MONDAY
from tests.read_model.every_list import (
    FEW,
    MANY,
    NOT_CLOSED,
    Narrowing,
    another_page,
    counts,
    ends,
    hour,
    page,
    sorts,
)
from tests.read_model.question import Question

_EARLY, _LATE = Cut(position=3_000, begun=1_000), Cut(position=10**9, begun=10**9)
_ONE_IN_FIFTY = tuple(narrowing for narrowing in FEW if "source_key" not in narrowing)
_FOUND = (*(narrowing for narrowing in FEW if "source_key" in narrowing), hour("opened_at"))
_RARE = (*NOT_CLOSED, hour("closed_at"))
_NEWEST_FIRST = ("-number", "-opened_at")
"""What is not closed is met soon there, as long as it is young."""
_LOOKS_AT_ALL = "What was rare then has no index: decision 0074 names the price."
_LOOKS_LONG = "A page of one in fifty is full after thousands, and each has several rows."
_SORTS_FEW = "So few had begun that they are sorted."
_COUNTS_ALL = "Counts are of all that had begun."


def lists_then() -> Iterator[Question]:
    for sort in sorts():
        if sort.removeprefix("-") not in ALLOWED.present_only:
            yield from _pages(sort)
    for narrowing in (*MANY, *_ONE_IN_FIFTY, *_FOUND, *_RARE):
        yield _counts("early", _EARLY, narrowing)
        why = "" if narrowing in _FOUND else _COUNTS_ALL
        yield _counts("late", _LATE, narrowing, why)


def _pages(sort: str) -> Iterator[Question]:
    for narrowing in (*MANY, *_ONE_IN_FIFTY, *_FOUND, *_RARE):
        yield page("early list", _then(_EARLY, narrowing, sort=sort))
        yield page("late list", _then(_LATE, narrowing, sort=sort), why=_why(sort, narrowing))
    if sort.startswith("-"):
        why = _SORTS_FEW if sort == "-severity" else ""
        yield another_page("early list", _then(_EARLY, {}, sort=sort), why)
    yield another_page("late list", _then(_LATE, {}, sort=sort))
    if sort.endswith("opened_at"):
        yield another_page("late list", _then(_LATE, ends(sort), sort=sort))


def _why(sort: str, narrowing: Narrowing) -> str:
    if narrowing in NOT_CLOSED and sort in _NEWEST_FIRST:
        return ""
    if narrowing in _RARE:
        return _LOOKS_AT_ALL
    return _LOOKS_LONG if narrowing in _ONE_IN_FIFTY and sort.endswith("severity") else ""


def _counts(name: str, cut: Cut, narrowing: Narrowing, why: str = "") -> Question:
    facets = ",".join(sorted(ALLOWED.facets))
    return counts(f"{name} facets", _then(cut, narrowing, facets=facets), why)


def _then(cut: Cut, narrowing: Narrowing, **others: str) -> Asked:
    as_of = MONDAY + timedelta(minutes=min(cut.begun, 10**7))
    question = asked({"as_of": as_of.isoformat(), **others, **narrowing}, ALLOWED)
    return replace(question, cut=cut)
