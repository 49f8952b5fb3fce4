"""A list's question, read from query parameters against what may be asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import to_json

from read_model.words import folded
from write_model.kernel.errors import Invalid

MOST_ITEMS, USUAL_ITEMS = 500, 50

_FEW = 5_000
_RANGE = re.compile(r"(\w+)\[(gte|gt|lte|lt)\]")
MOST_SEARCHED = 200
"""Characters: a sentence or two; each word of it costs a look into an index."""

_NOT_FILTERS = frozenset({"q", "sort", "fields", "facets", "cursor", "limit", "as_of"})


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a list may be filtered, sorted, counted and cut down by."""

    filters: frozenset[str]
    ids: frozenset[str]
    """The filters whose values are ids."""
    values: Mapping[str, tuple[str, ...]]
    """Filter -> all that it can be, for those that know."""
    times: frozenset[str]
    sorts: frozenset[str]
    facets: frozenset[str]
    fields: frozenset[str]
    present_only: frozenset[str] = frozenset()
    """What no earlier moment may be filtered or sorted by."""


class Cut(NamedTuple):
    """Where the organization was at a moment: its last position, how many records had begun."""

    position: int
    begun: int

    @property
    def is_early(self) -> bool:
        """So few had begun that they are sorted sooner than found among later rows (measured)."""
        return self.begun <= _FEW


@dataclass(frozen=True, slots=True)
class Asked:
    """`ranges`: (field, operator) -> time. `sort` begins with `-` for the greatest first.

    `cut`: where `as_of` stands in the log, once that was looked up; both None for the present.
    `words`: what is searched for, folded; "" for everything.
    """

    filters: Mapping[str, tuple[Any, ...]] = field(default_factory=dict[str, tuple[Any, ...]])
    ranges: Mapping[tuple[str, str], datetime] = field(
        default_factory=dict[tuple[str, str], datetime]
    )
    sort: str = "-opened_at"
    limit: int = USUAL_ITEMS
    cursor: str | None = None
    fields: tuple[str, ...] = ()
    facets: tuple[str, ...] = ()
    as_of: datetime | None = None
    cut: Cut | None = None
    words: str = ""

    def shape(self) -> tuple[object, ...]:
        """What the SQL depends on: everything but the values, which are sent beside it."""
        chosen = bool(self.fields), self.cut and self.cut.is_early
        filters = tuple((name, len(values) == 1) for name, values in self.filters.items())
        return filters, tuple(self.ranges), self.sort, *chosen, self.facets

    def bound(self) -> str:
        """What a cursor binds: the rows and their order, not how many or which fields."""
        ranges = {f"{name}[{operator}]": time for (name, operator), time in self.ranges.items()}
        words = {"q": self.words} if self.words else {}
        parts = sorted({**self.filters, **ranges, **words}.items())
        return to_json([self.sort, parts, self.as_of]).decode()


def asked(parameters: Mapping[str, str], allowed: Allowed) -> Asked:
    """`parameters` as they stand in the address; values of filters are comma-separated.

    Raises: Invalid for whatever is not known, by name.
    """
    filters: dict[str, tuple[Any, ...]] = {}
    ranges: dict[tuple[str, str], datetime] = {}
    for name, text in parameters.items():
        if name in _NOT_FILTERS:
            continue
        if match := _RANGE.fullmatch(name):
            ranges[one_of(match[1], sorted(allowed.times), name), match[2]] = time_of(text, name)
        else:
            filters[one_of(name, sorted(allowed.filters), name)] = _values(name, text, allowed)
    question = Asked(
        # In one order, whatever the caller's is: so the same question has the same SQL.
        filters=dict(sorted(filters.items())),
        ranges=dict(sorted(ranges.items())),
        sort=_sort(parameters.get("sort", "-opened_at"), allowed),
        limit=_limit(parameters.get("limit", str(USUAL_ITEMS))),
        cursor=parameters.get("cursor") or None,
        fields=_names(parameters.get("fields", ""), allowed.fields, "fields"),
        facets=tuple(sorted(_names(parameters.get("facets", ""), allowed.facets, "facets"))),
        as_of=time_of(parameters["as_of"], "as_of") if "as_of" in parameters else None,
        words=_words(parameters["q"]) if "q" in parameters else "",
    )
    if question.as_of is not None:
        _must_be_known_of_the_past(question, parameters, allowed)
    return question


def _must_be_known_of_the_past(
    question: Asked, parameters: Iterable[str], allowed: Allowed
) -> None:
    named = {
        **{name: name for name in parameters},
        **{f"{name}[{operator}]": name for name, operator in question.ranges},
        "sort": question.sort.removeprefix("-"),
    }
    for where, name in named.items():
        if name in allowed.present_only:
            raise Invalid(f"{name} does not go with as_of; leave one of them out.", field=where)


def one_of(name: str, known: Iterable[str], where: str) -> str:
    if name not in known:
        raise Invalid(f"{name} is not one of {', '.join(known)}.", field=where)
    return name


def _values(name: str, text: str, allowed: Allowed) -> tuple[Any, ...]:
    values = tuple(value for value in text.split(",") if value)
    if not values:
        raise Invalid(f"Say which {name} you want.", field=name)
    if name in allowed.ids:
        return tuple(_id(value, name) for value in values)
    known = allowed.values.get(name, values)
    return tuple(one_of(value, known, name) for value in values)


def _id(text: str, name: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Invalid(f"{text} is not an id.", field=name) from error


def time_of(text: str, name: str) -> datetime:
    """The time that a parameter says. Raises: Invalid."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid("Write times as 2026-02-03T08:15:00Z.", field=name) from error
    if time.tzinfo is None:
        raise Invalid("Write times with their offset, as 2026-02-03T08:15:00Z.", field=name)
    return time


def _words(text: str) -> str:
    if len(text) > MOST_SEARCHED:
        raise Invalid(f"Search for at most {MOST_SEARCHED} characters.", field="q")
    words = folded(text)
    if not any(map(str.isalnum, words)):
        raise Invalid("Say which words you search for.", field="q")
    return words


def _sort(text: str, allowed: Allowed) -> str:
    # A plus sign arrives as a space when the address was not escaped.
    text = text.strip().removeprefix("+")
    one_of(text.removeprefix("-"), sorted(allowed.sorts), "sort")
    return text


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_ITEMS:
        raise Invalid(f"Ask for 1 to {MOST_ITEMS} items.", field="limit")
    return int(text)


def _names(text: str, known: frozenset[str], where: str) -> tuple[str, ...]:
    names = dict.fromkeys(name for name in text.split(",") if name)
    return tuple(one_of(name, sorted(known), where) for name in names)
