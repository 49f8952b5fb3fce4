"""The list of incidents: pages of ready items, and counts under the same filters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from sys import maxsize
from typing import Any
from uuid import UUID

from psycopg import sql

from read_model import tables
from read_model.layout import Query
from read_model.queries.asking import Allowed, Asked
from read_model.queries.cursor import Cursors, Place, Question, must_be_of
from read_model.queries.listed_then import listed_then
from read_model.queries.parked import ANY_PARKED, parked_of
from read_model.queries.searching import ALL, IS_ASKED, IS_GATHERED, ROUNDS, Round, are_few
from read_model.reader import Reader
from write_model.incident.events import Priority, Severity, Status
from write_model.kernel.recent import Recent

FIELDS = (
    "id",
    "reference",
    "number",
    "version",
    "status",
    "title",
    "severity",
    "priority",
    "impact",
    "team",
    "role",
    "assignee",
    "reporter",
    "source",
    "source_key",
    "opened_at",
    "acknowledged_at",
    "resolved_at",
    "closed_at",
    "updated_at",
    "hold_reason",
    "resolution",
    "cause_code",
    "outcome_reason",
    "merged_into",
    "reopened",
    "escalations",
    "imported_through",
    "deviations",
)
"""The fields of an item, in its order."""

_FILTERS = ("status", "severity", "priority", "team", "assignee", "source", "source_key")
_TIMES = ("opened_at", "updated_at", "closed_at")
_SORTS = {
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
_GRAVITY = sql.SQL("AND severity_rank BETWEEN %(gravest)s AND %(lightest)s")
_RANKS = {severity: rank for rank, severity in enumerate(Severity, start=1)}
# Of one value an index gives the rows in the order of their opening; of several it cannot.
_ONE, _ANY = sql.SQL("AND {} = {}"), sql.SQL("AND {} = ANY({})")
_FACETS = ("status", "severity", "priority", "team", "assignee", "source", "reopened", "deviations")

ALLOWED = Allowed(
    filters=frozenset(_FILTERS),
    ids=frozenset({"assignee"}),
    values={
        "status": tuple(each for each in Status if each is not Status.NONE),
        "severity": tuple(Severity),
        "priority": tuple(Priority),
    },
    times=frozenset(_TIMES),
    sorts=frozenset(_SORTS),
    facets=frozenset(_FACETS),
    fields=frozenset(FIELDS),
    present_only=frozenset({"updated_at", "q"}),
)

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
    " (SELECT epoch FROM projections.checkpoint WHERE name = 'all'), {any_parked}"
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

_SHAPES = 500
"""Of questions, whose SQL is kept; about 2 KB each."""

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


@dataclass(frozen=True, slots=True)
class Page:
    """`items`: a JSON array, ready to be sent; of an earlier moment the ids, for who folds them.

    `next_cursor`: None on the last page.

    `parked`: how many of the organization's incidents, on whatever page, are shown as they were.
    """

    items: bytes
    next_cursor: str | None
    parked: int


class IncidentList:
    def __init__(
        self, reader: Reader, cursors: Cursors, *, rounds: Sequence[Round] = ROUNDS
    ) -> None:
        """`rounds`: how wide to look for words, the last one as wide as it takes."""
        self._reader, self._cursors, self._rounds = reader, cursors, rounds
        # Putting one together takes as long as asking it (70 µs, measured).
        self._pages: Recent[tuple[object, ...], bytes] = Recent(_SHAPES)

    async def page(self, tenant: UUID, asked: Asked) -> Page:
        """Raises: Invalid for a cursor of another question; LogRestored for one of another log."""
        place = self._place(tenant, asked)
        row = await self._read(tenant, asked, place)
        items, count, value, key, epoch, any_parked = row
        must_be_of(epoch, place)
        more = count > asked.limit
        ended = Place(epoch, value, str(key), asked.cut and asked.cut.position)
        cursor = self._cursors.seal(_question(tenant, asked), ended) if more else None
        parked = await self._parked(tenant, asked) if any_parked else 0
        return Page(items, cursor, parked)

    async def facets(self, tenant: UUID, asked: Asked) -> dict[str, dict[str | None, int]]:
        """Facet -> value -> how many incidents, the most first; None where there is no value.

        `deviations` counts every time a rule was broken, not the incidents.
        """
        rows = await self._reader.rows(tenant, facets_query(asked), _parameters(asked, None))
        counts: dict[str, dict[str | None, int]] = {name: {} for name in asked.facets}
        for name, value, count in sorted(rows, key=lambda row: -row[2]):
            counts[name][value] = count
        return counts

    def position(self, tenant: UUID, asked: Asked) -> int | None:
        """As of which the page before was, so that this one goes on in the same list."""
        place = self._place(tenant, asked)
        return place.position if place else None

    def _place(self, tenant: UUID, asked: Asked) -> Place | None:
        if asked.cursor is None:
            return None
        return self._cursors.open(_question(tenant, asked), asked.cursor)

    async def _read(self, tenant: UUID, asked: Asked, place: Place | None) -> tuple[Any, ...]:
        if asked.words:
            return await self._searched(tenant, asked, place)
        return await self._row(tenant, self._page_query(asked, place), _parameters(asked, place))

    async def _searched(self, tenant: UUID, asked: Asked, place: Place | None) -> tuple[Any, ...]:
        row: tuple[Any, ...] = ()
        for each in self._rounds:
            parameters = {**_parameters(asked, place), **each._asdict()}
            if await are_few(self._reader, tenant, asked.words, each.few):
                return await self._row(tenant, page_query(asked, place, IS_GATHERED), parameters)
            row = await self._row(tenant, nearest_query(asked, place), parameters)
            if row[1] > asked.limit:
                break
        return row

    async def _row(
        self, tenant: UUID, query: Query, parameters: Mapping[str, Any]
    ) -> tuple[Any, ...]:
        [row] = await self._reader.rows(tenant, query, parameters)
        return row

    def _page_query(self, asked: Asked, place: Place | None) -> Query:
        shape = (*asked.shape(), place is None)
        if (query := self._pages.get(shape)) is None:
            query = page_query(asked, place).as_bytes()
            self._pages.remember(shape, query)
        return query

    async def _parked(self, tenant: UUID, asked: Asked) -> int:
        through = asked.cut.position if asked.cut else maxsize
        return await parked_of(self._reader, tenant, "incident", through=through)


def _question(tenant: UUID, asked: Asked) -> Question:
    return Question(tenant, "incidents", asked.bound(), tables.INCIDENT_LIST_VERSION)


def _parameters(asked: Asked, place: Place | None) -> dict[str, Any]:
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


def page_query(
    asked: Asked, place: Place | None, with_words: sql.Composable = _ANY_WORDS
) -> sql.Composed:
    """The SQL of a page; it must stay an index scan for every sort."""
    return _page(asked, _table(asked), _narrowed(asked, place, with_words))


def nearest_query(asked: Asked, place: Place | None) -> sql.Composed:
    """The SQL of a page with what has the words among the nearest only."""
    narrowed = _narrowed(asked, place, _ANY_WORDS)
    nearest = _NEAREST.format(table=_table(asked), narrowed=narrowed, **_order(asked))
    return _page(asked, nearest, IS_ASKED)


def _page(asked: Asked, table: sql.Composable, narrowed: sql.Composable) -> sql.Composed:
    return _PAGE.format(
        document=_document(asked),
        table=table,
        narrowed=narrowed,
        any_parked=ANY_PARKED,
        **_order(asked),
    )


def _order(asked: Asked) -> dict[str, sql.Composable]:
    way = sql.SQL("DESC" if asked.sort.startswith("-") else "ASC")
    return {"sort": _SORTS[asked.sort.removeprefix("-")], "way": way}


def _narrowed(asked: Asked, place: Place | None, with_words: sql.Composable) -> sql.Composable:
    if not place:
        return sql.SQL(" ").join((_filters(asked), with_words))
    name = asked.sort.removeprefix("-")
    after = sql.SQL("AND ({}, id) {} (%(value)s::{}, %(key)s::uuid)").format(
        _SORTS[name], sql.SQL("<" if asked.sort.startswith("-") else ">"), _CASTS[name]
    )
    return sql.SQL(" ").join((_filters(asked), after, with_words))


def facets_query(asked: Asked) -> sql.Composed:
    """The SQL that counts all facets at once, over what the filters leave."""
    tallied = _tallied(asked)
    scanned = [name for name in asked.facets if name not in tallied]
    matching = _COUNTS.format(
        columns=sql.SQL(", ").join(map(sql.Identifier, scanned)),
        table=_table(asked),
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
    column, filters = sql.Identifier(name), _filters(asked)
    return _TALLY.format(
        name=sql.Literal(name), column=column, table=tables.INCIDENT_COUNTS, filters=filters
    )


def _document(asked: Asked) -> sql.Composable:
    if asked.cut:
        return _ONLY_ID
    return _CUT_DOWN if asked.fields else _WHOLE


def _table(asked: Asked) -> sql.Composable:
    if asked.cut:
        return listed_then(asked.sort, asked.cut)
    named = {asked.sort.removeprefix("-"), *(name for name, _ in asked.ranges)}
    return _LIST_WITH_UPDATES if "updated_at" in named else _LIST


def _filters(asked: Asked) -> sql.Composable:
    equal = (
        (_ONE if len(values) == 1 else _ANY).format(sql.Identifier(name), sql.Placeholder(name))
        for name, values in asked.filters.items()
    )
    between = (
        sql.SQL("AND {} {} {}").format(
            sql.Identifier(name), _COMPARED[operator], sql.Placeholder(f"{name}_{operator}")
        )
        for name, operator in asked.ranges
    )
    return sql.SQL(" ").join((*equal, *between, *_implied(asked)))


def _implied(asked: Asked) -> Iterator[sql.Composable]:
    """What the filters say in other words, for which there are indexes."""
    if "status" in asked.filters and _NOT_CLOSED.issuperset(asked.filters["status"]):
        yield _WITHOUT_END
    if "severity" in asked.filters and asked.sort.endswith("severity"):
        yield _GRAVITY
