"""The SQL of the list of incidents: of a page in every order, and of the counts beside it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from psycopg import sql

from read_model import tables
from read_model.queries.asking import Asked
from read_model.queries.cursor import Place
from read_model.queries.listed_then import KEPT, listed_then
from read_model.queries.parked import ANY_PARKED
from read_model.queries.position import SHOWN
from read_model.queries.searching import ALL, IS_ASKED, IS_GATHERED
from write_model.incident.events import Severity, Status

SORTS = {
    "opened_at": sql.SQL("opened_at"),
    "updated_at": sql.SQL("updated_at"),
    "number": sql.SQL("number"),
    "severity": sql.SQL("severity_rank"),
}
_CASTS = {
    "opened_at": sql.SQL("timestamptz"),
    "updated_at": sql.SQL("timestamptz"),
    "number": sql.SQL("bigint"),
    "severity": sql.SQL("smallint"),
}
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

_PAGE = sql.SQL(
    "WITH page AS MATERIALIZED ("
    " SELECT {document} AS document, {sort}::text AS value, id,"
    " row_number() OVER (ORDER BY {sort} {way}, id {way}) AS n"
    " FROM {table} WHERE tenant_id = %(tenant)s {narrowed}"
    " ORDER BY {sort} {way}, id {way} LIMIT %(limit)s + 1)"
    " SELECT convert_to('[' || coalesce(string_agg(document, ',' ORDER BY n)"
    " FILTER (WHERE n <= %(limit)s), '') || ']', 'UTF8'),"
    " count(*), max(value) FILTER (WHERE n = %(limit)s),"
    " (array_agg(id) FILTER (WHERE n = %(limit)s))[1],"
    " (SELECT epoch FROM projections.checkpoint WHERE name = 'all'), {any_parked}, {shown}"
    " FROM page"
)
_NEAREST = sql.SQL(
    "(SELECT tenant_id, id, document, {sort} FROM {table}"
    " WHERE tenant_id = %(tenant)s {narrowed}"
    " ORDER BY {sort} {way}, id {way} LIMIT %(nearest)s) AS nearest"
)
_ANY_WORDS = sql.SQL("")
_LIST: sql.Composable = tables.INCIDENT_LIST
_UPDATES = sql.SQL(
    "(SELECT tenant_id, id, updated_at FROM {} WHERE tenant_id = %(tenant)s) AS updates"
).format(tables.INCIDENT)
# The document's table knows the time of the last event: in the list it would cost every event all
# of the list's indexes. It stands first, so that a page goes by its index.
_LIST_WITH_UPDATES = sql.SQL(" JOIN ").join((_UPDATES, _LIST)) + sql.SQL(" USING (tenant_id, id)")

_WHOLE = sql.SQL("document")
_ONLY_ID = sql.SQL("to_json(id)::text")
_CUT_DOWN = sql.SQL(
    "(SELECT json_object_agg(key, value) FROM json_each(document::json)"
    " WHERE key = ANY(%(fields)s))::text"
)
_COUNTS = sql.SQL(
    "WITH matching AS MATERIALIZED ("
    " SELECT {columns} FROM {table} WHERE tenant_id = %(tenant)s {filters})"
)
_COUNT = sql.SQL("SELECT {name}, {column}::text, count(*) FROM matching GROUP BY {column}")
_COUNT_EACH = sql.SQL(
    "SELECT {name}, each, count(*) FROM matching, unnest({column}) each GROUP BY 2"
)
_TALLIED = frozenset({"status", "severity", "team"})
_TALLY = sql.SQL(
    "SELECT {name}, nullif({column}, ''), sum(count)::bigint FROM {table}"
    " WHERE tenant_id = %(tenant)s {filters} GROUP BY {column}"
)
"""The same as `_COUNT`, from what is counted all the time."""


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


def _gravity(severities: Sequence[Severity]) -> dict[str, int]:
    ranks = [_RANKS[severity] for severity in severities]
    return {"gravest": min(ranks, default=0), "lightest": max(ranks, default=0)}


def shape_of(asked: Asked, place: Place | None) -> Hashable:
    """What the SQL of a page depends on; everything else is sent beside it."""
    return asked.shape(), place is None, _is_without_end(asked)


def page_query(
    asked: Asked, place: Place | None, with_words: sql.Composable = _ANY_WORDS
) -> sql.Composed:
    """The SQL of a page; it must stay an index scan for every sort."""
    return _page(asked, _table(asked, place), _narrowed(asked, place, with_words))


def nearest_query(asked: Asked, place: Place | None) -> sql.Composed:
    """The SQL of a page with what has the words among the nearest only."""
    narrowed = _narrowed(asked, place, _ANY_WORDS)
    nearest = _NEAREST.format(table=_table(asked, place), narrowed=narrowed, **_order(asked))
    return _page(asked, nearest, IS_ASKED)


def _page(asked: Asked, table: sql.Composable, narrowed: sql.Composable) -> sql.Composed:
    return _PAGE.format(
        document=_document(asked),
        table=table,
        narrowed=narrowed,
        any_parked=ANY_PARKED,
        shown=SHOWN,
        **_order(asked),
    )


def _order(asked: Asked) -> dict[str, sql.Composable]:
    way = sql.SQL("DESC" if asked.sort.startswith("-") else "ASC")
    return {"sort": SORTS[asked.sort.removeprefix("-")], "way": way}


def _narrowed(asked: Asked, place: Place | None, with_words: sql.Composable) -> sql.Composable:
    filters = _filters(asked, place), *_implied(asked, place)
    if not place:
        return sql.SQL(" ").join((*filters, with_words))
    name = asked.sort.removeprefix("-")
    after = sql.SQL("AND ({}, id) {} (%(value)s::{}, %(key)s::uuid)").format(
        SORTS[name], sql.SQL("<" if asked.sort.startswith("-") else ">"), _CASTS[name]
    )
    return sql.SQL(" ").join((*filters, after, with_words))


def facets_query(asked: Asked) -> sql.Composed:
    """The SQL that counts all facets at once, over what the filters leave."""
    tallied = _tallied(asked)
    scanned = [name for name in asked.facets if name not in tallied]
    matching = _COUNTS.format(
        columns=sql.SQL(", ").join(map(sql.Identifier, scanned)),
        table=_table(asked, None),
        filters=_narrowed(asked, None, IS_GATHERED if asked.words else _ANY_WORDS),
    )
    tallies = (_tally(name, asked) for name in tallied)
    counts = (
        (_COUNT_EACH if name == "deviations" else _COUNT).format(
            name=sql.Literal(name), column=sql.Identifier(name)
        )
        for name in scanned
    )
    every = sql.SQL(" UNION ALL ").join((*tallies, *counts))
    return matching + every if scanned else every


def _tallied(asked: Asked) -> list[str]:
    """The facets that need no look at any incident, because nothing else narrows them."""
    if asked.cut or asked.words or asked.ranges or not asked.filters.keys() <= _TALLIED:
        return []
    return [name for name in asked.facets if name in _TALLIED]


def _tally(name: str, asked: Asked) -> sql.Composed:
    column, filters = sql.Identifier(name), _filters(asked, None)
    return _TALLY.format(
        name=sql.Literal(name), column=column, table=tables.INCIDENT_COUNTS, filters=filters
    )


def _document(asked: Asked) -> sql.Composable:
    if asked.cut:
        return _ONLY_ID
    return _CUT_DOWN if asked.fields else _WHOLE


def _table(asked: Asked, place: Place | None) -> sql.Composable:
    if asked.cut:
        return listed_then(asked.sort, asked.cut, goes_on=place is not None)
    named = {asked.sort.removeprefix("-"), *(name for name, _ in asked.ranges)}
    return _LIST_WITH_UPDATES if "updated_at" in named else _LIST


def _filters(asked: Asked, place: Place | None) -> sql.Composable:
    equal = (_equal(asked, name, name) for name in asked.filters)
    between = (
        sql.SQL("AND {} {} {}").format(
            sql.Identifier(name), _COMPARED[operator], sql.Placeholder(f"{name}_{operator}")
        )
        for name, operator in asked.ranges
        if not (place and _was_met(asked.sort, name, operator))
    )
    return sql.SQL(" ").join((*equal, *between))


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
    if _is_without_end(asked):
        yield _WITHOUT_END
    if "severity" in asked.filters and asked.sort.endswith("severity"):
        yield from (end for sort, end in _GRAVITY.items() if not (place and sort == asked.sort))
    if asked.cut and "source_key" in asked.filters:
        yield from (_equal(asked, name, KEPT[name]) for name in KEPT if name in asked.filters)


def _is_without_end(asked: Asked) -> bool:
    statuses = asked.filters.get("status", ())
    return bool(statuses) and _NOT_CLOSED.issuperset(statuses)
