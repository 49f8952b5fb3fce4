"""Which incidents a list or its counts are of: where they lie, and what the question leaves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from psycopg import sql

from read_model import tables
from read_model.queries.asking import Asked
from read_model.queries.cursor import Place
from read_model.queries.listed_then import KEPT, listed_then
from read_model.queries.searching import ALL
from write_model.incident.events import Severity, Status

_COMPARED = {"gte": sql.SQL(">="), "gt": sql.SQL(">"), "lte": sql.SQL("<="), "lt": sql.SQL("<")}
# Only reopening leads out of closed, and empties `closed_at`: its index serves these.
_NOT_CLOSED = frozenset(Status) - {Status.CLOSED}
_WITHOUT_END = sql.SQL("AND closed_at IS NULL")
# The index by severity goes by rank.
_GRAVITY = {
    "severity": sql.SQL("AND severity_rank >= %(gravest)s"),
    "-severity": sql.SQL("AND severity_rank <= %(lightest)s"),
}
"""By the sort that begins there."""
_RANKS = {severity: rank for rank, severity in enumerate(Severity, start=1)}
# Of one value an index gives the rows in the order of their opening; of several it cannot.
_ONE, _ANY = sql.SQL("AND {} = {}"), sql.SQL("AND {} = ANY({})")

_LIST: sql.Composable = tables.INCIDENT_LIST
_UPDATES = sql.SQL(
    "(SELECT tenant_id, id, updated_at FROM {} WHERE tenant_id = %(tenant)s) AS updates"
).format(tables.INCIDENT)
# The document's table knows the time of the last event: in the list it would cost every event all
# of the list's indexes. It stands first, so that a page goes by its index.
_LIST_WITH_UPDATES = sql.SQL(" JOIN ").join((_UPDATES, _LIST)) + sql.SQL(" USING (tenant_id, id)")


def parameters(asked: Asked, place: Place | None) -> dict[str, Any]:
    """What all of these queries may ask for, by name."""
    return {
        **{n: values[0] if len(values) == 1 else [*values] for n, values in asked.filters.items()},
        **{f"{name}_{operator}": time for (name, operator), time in asked.ranges.items()},
        **_gravity(asked.filters.get("severity", ())),
        "fields": list(asked.fields),
        "limit": asked.limit,
        "q": asked.words,
        "few": ALL,
        "value": place and place.value,
        "key": place and place.key,
        "as_of": asked.as_of,
        "position": asked.cut and asked.cut.position,
        "begun": asked.cut and asked.cut.begun,
    }


def table_of(asked: Asked, place: Place | None) -> sql.Composable:
    if asked.cut:
        return listed_then(asked.sort, asked.cut, goes_on=place is not None)
    named = {asked.sort.removeprefix("-"), *(name for name, _ in asked.ranges)}
    return _LIST_WITH_UPDATES if "updated_at" in named else _LIST


def conditions_of(asked: Asked, place: Place | None, *further: sql.Composable) -> sql.Composable:
    """The filters, and what they say in other words, before what one query alone asks `further`."""
    return sql.SQL(" ").join((filters_of(asked, place), *_implied(asked, place), *further))


def filters_of(asked: Asked, place: Place | None) -> sql.Composable:
    """`place`: where the page before ended; behind it some of the ranges are met anyway."""
    equal = (_equal(asked, name, name) for name in asked.filters)
    between = (
        sql.SQL("AND {} {} {}").format(
            sql.Identifier(name), _COMPARED[operator], sql.Placeholder(f"{name}_{operator}")
        )
        for name, operator in asked.ranges
        if not (place and _was_met(asked.sort, name, operator))
    )
    return sql.SQL(" ").join((*equal, *between))


def is_without_end(asked: Asked) -> bool:
    """Whether only what is not closed is asked for."""
    statuses = asked.filters.get("status", ())
    return bool(statuses) and _NOT_CLOSED.issuperset(statuses)


def _gravity(severities: Sequence[Severity]) -> dict[str, int]:
    ranks = [_RANKS[severity] for severity in severities]
    return {"gravest": min(ranks, default=0), "lightest": max(ranks, default=0)}


def _was_met(sort: str, name: str, operator: str) -> bool:
    """Whether all that comes after a place is within a range because the place is.

    Both would cut the index at the same end, and the server takes the wrong one (measured: it walks
    through all pages before).
    """
    return sort == (f"-{name}" if operator.startswith("l") else name)


def _equal(asked: Asked, name: str, column: str) -> sql.Composed:
    one_or_any = _ONE if len(asked.filters[name]) == 1 else _ANY
    return one_or_any.format(sql.Identifier(column), sql.Placeholder(name))


def _implied(asked: Asked, place: Place | None) -> Iterator[sql.Composable]:
    """What the filters say in other words, for which there are indexes."""
    if is_without_end(asked):
        yield _WITHOUT_END
    if "severity" in asked.filters and asked.sort.endswith("severity"):
        yield from (end for sort, end in _GRAVITY.items() if not (place and sort == asked.sort))
    if asked.cut and "source_key" in asked.filters:
        yield from (_equal(asked, name, KEPT[name]) for name in KEPT if name in asked.filters)
