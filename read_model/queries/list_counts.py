"""The SQL of the counts beside the list of incidents, under the same filters."""

from __future__ import annotations

from psycopg import sql

from read_model import tables
from read_model.queries.asking import Asked
from read_model.queries.list_narrowed import conditions_of, filters_of, table_of
from read_model.queries.searching import ANY_WORDS, IS_GATHERED

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


def facets_query(asked: Asked) -> sql.Composed:
    """The SQL that counts all facets at once, over what the filters leave."""
    tallied = _tallied(asked)
    scanned = [name for name in asked.facets if name not in tallied]
    matching = _COUNTS.format(
        columns=sql.SQL(", ").join(map(sql.Identifier, scanned)),
        table=table_of(asked, None),
        filters=conditions_of(asked, None, IS_GATHERED if asked.words else ANY_WORDS),
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
    column, filters = sql.Identifier(name), filters_of(asked, None)
    return _TALLY.format(
        name=sql.Literal(name), column=column, table=tables.INCIDENT_COUNTS, filters=filters
    )
