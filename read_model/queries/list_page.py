"""The SQL of a page of the list of incidents, in every order."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from psycopg import sql

from read_model.queries.asking import Asked
from read_model.queries.cursor import Place
from read_model.queries.list_narrowed import conditions_of, is_without_end, table_of
from read_model.queries.parked import ANY_PARKED
from read_model.queries.position import SHOWN
from read_model.queries.searching import ANY_WORDS, IS_ASKED

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

_WHOLE = sql.SQL("document")
_ONLY_ID = sql.SQL("to_json(id)::text")
_CUT_DOWN = sql.SQL(
    "(SELECT json_object_agg(key, value) FROM json_each(document::json)"
    " WHERE key = ANY(%(fields)s))::text"
)


def shape_of(asked: Asked, place: Place | None) -> Hashable:
    """What the SQL of a page depends on; everything else is sent beside it."""
    return asked.shape(), place is None, is_without_end(asked)


def page_query(
    asked: Asked, place: Place | None, with_words: sql.Composable = ANY_WORDS
) -> sql.Composed:
    """The SQL of a page; it must stay an index scan for every sort."""
    return _page(asked, table_of(asked, place), _narrowed(asked, place, with_words))


def nearest_query(asked: Asked, place: Place | None) -> sql.Composed:
    """The SQL of a page with what has the words among the nearest only."""
    narrowed = _narrowed(asked, place, ANY_WORDS)
    nearest = _NEAREST.format(table=table_of(asked, place), narrowed=narrowed, **_order(asked))
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
    return conditions_of(asked, place, *_after(asked, place), with_words)


def _after(asked: Asked, place: Place | None) -> Iterator[sql.Composable]:
    if place:
        name = asked.sort.removeprefix("-")
        yield sql.SQL("AND ({}, id) {} (%(value)s::{}, %(key)s::uuid)").format(
            SORTS[name], sql.SQL("<" if asked.sort.startswith("-") else ">"), _CASTS[name]
        )


def _document(asked: Asked) -> sql.Composable:
    if asked.cut:
        return _ONLY_ID
    return _CUT_DOWN if asked.fields else _WHOLE
