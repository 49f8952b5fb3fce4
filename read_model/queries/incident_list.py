"""The list of incidents: pages of ready items, and counts under the same filters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import sql

from read_model import tables
from read_model.queries.asking import Allowed, Asked
from read_model.queries.cursor import Cursors, Place, Question, must_be_of
from read_model.queries.parked import ANY_PARKED, PARKED_OF_KIND
from read_model.reader import Reader
from write_model.incident.events import Priority, Severity, Status

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
)

_PAGE = sql.SQL(
    "WITH page AS MATERIALIZED ("
    " SELECT {document} AS document, {sort}::text AS value, id,"
    " row_number() OVER (ORDER BY {sort} {way}, id {way}) AS n"
    " FROM {table} WHERE tenant_id = %(tenant)s {filters} {after}"
    " ORDER BY {sort} {way}, id {way} LIMIT %(limit)s + 1)"
    " SELECT convert_to('[' || coalesce(string_agg(document, ',' ORDER BY n)"
    " FILTER (WHERE n <= %(limit)s), '') || ']', 'UTF8'),"
    " count(*), max(value) FILTER (WHERE n = %(limit)s),"
    " (array_agg(id) FILTER (WHERE n = %(limit)s))[1],"
    " (SELECT epoch FROM projections.checkpoint WHERE name = 'all'), {any_parked}"
    " FROM page"
)
_LIST: sql.Composable = tables.INCIDENT_LIST
_UPDATES = sql.SQL(
    "(SELECT tenant_id, id, updated_at FROM {} WHERE tenant_id = %(tenant)s) AS updates"
).format(tables.INCIDENT)
# The document's table knows the time of the last event: in the list it would cost every event all
# of the list's indexes. It stands first, so that a page goes by its index.
_LIST_WITH_UPDATES = sql.SQL(" JOIN ").join((_UPDATES, _LIST)) + sql.SQL(" USING (tenant_id, id)")

_WHOLE = sql.SQL("document")
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


@dataclass(frozen=True, slots=True)
class Page:
    """`items`: a JSON array, ready to be sent. `next_cursor`: None on the last page.

    `parked`: how many of the organization's incidents, on whatever page, are shown as they were.
    """

    items: bytes
    next_cursor: str | None
    parked: int


class IncidentList:
    def __init__(self, reader: Reader, cursors: Cursors) -> None:
        self._reader, self._cursors = reader, cursors

    async def page(self, tenant: UUID, asked: Asked) -> Page:
        """Raises: Invalid for a cursor of another question; LogRestored for one of another log."""
        question = Question(tenant, "incidents", asked.bound(), tables.INCIDENT_LIST_VERSION)
        place = self._cursors.open(question, asked.cursor) if asked.cursor else None
        [row] = await self._reader.rows(tenant, page_query(asked, place), _parameters(asked, place))
        items, count, value, key, epoch, any_parked = row
        must_be_of(epoch, place)
        more = count > asked.limit
        ended = Place(epoch, value, str(key))
        parked = await self._parked(tenant) if any_parked else 0
        return Page(items, self._cursors.seal(question, ended) if more else None, parked)

    async def facets(self, tenant: UUID, asked: Asked) -> dict[str, dict[str | None, int]]:
        """Facet -> value -> how many incidents, the most first; None where there is no value.

        `deviations` counts every time a rule was broken, not the incidents.
        """
        rows = await self._reader.rows(tenant, _facets(asked), _parameters(asked, None))
        counts: dict[str, dict[str | None, int]] = {name: {} for name in asked.facets}
        for name, value, count in sorted(rows, key=lambda row: -row[2]):
            counts[name][value] = count
        return counts

    async def _parked(self, tenant: UUID) -> int:
        [(count,)] = await self._reader.rows(tenant, PARKED_OF_KIND, {"kind": "incident"})
        return int(count)


def _parameters(asked: Asked, place: Place | None) -> dict[str, Any]:
    return {
        **{n: values[0] if len(values) == 1 else [*values] for n, values in asked.filters.items()},
        **{f"{name}_{operator}": time for (name, operator), time in asked.ranges.items()},
        "fields": list(asked.fields),
        "limit": asked.limit,
        "value": place and place.value,
        "key": place and place.key,
    }


def page_query(asked: Asked, place: Place | None) -> sql.Composed:
    """The SQL of a page; it must stay an index scan for every sort."""
    name = asked.sort.removeprefix("-")
    down = asked.sort.startswith("-")
    after = sql.SQL("AND ({}, id) {} (%(value)s::{}, %(key)s::uuid)").format(
        _SORTS[name], sql.SQL("<" if down else ">"), _CASTS[name]
    )
    return _PAGE.format(
        document=_CUT_DOWN if asked.fields else _WHOLE,
        sort=_SORTS[name],
        way=sql.SQL("DESC" if down else "ASC"),
        table=_table(asked),
        filters=_filters(asked),
        after=after if place else sql.SQL(""),
        any_parked=ANY_PARKED,
    )


def _facets(asked: Asked) -> sql.Composed:
    matching = _COUNTS.format(
        columns=sql.SQL(", ").join(map(sql.Identifier, asked.facets)),
        table=_table(asked),
        filters=_filters(asked),
    )
    counts = (
        (_COUNT_EACH if name == "deviations" else _COUNT).format(
            name=sql.Literal(name), column=sql.Identifier(name)
        )
        for name in asked.facets
    )
    return matching + sql.SQL(" UNION ALL ").join(counts)


def _table(asked: Asked) -> sql.Composable:
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
    return sql.SQL(" ").join((*equal, *between))
