"""Figures of incidents: how long they take, how many come back, what is open and for how long.

All of an answer is one statement, so that its parts are of one moment.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import sql

from read_model import tables
from read_model.queries.figures_asked import FiguresAsked
from read_model.queries.figures_shown import AGES_S, HELD, Found, shown
from read_model.queries.parked import parked_of
from read_model.reader import Reader
from write_model.kernel.errors import Invalid

MOST_ITEMS = 1_000
"""Intervals times groups; and severities times teams, of which the others are not shown."""

_ITEMS = sql.SQL(
    "SELECT {since} AS since, {group} AS of, count(*) AS opened,"
    " count(*) FILTER (WHERE status = 'closed') AS closed,"
    " count(*) FILTER (WHERE reopened > 0) AS reopened,"
    " count(*) FILTER (WHERE reopened > 0 OR resolve_us IS NOT NULL) AS ever_resolved,"
    " {spans}, {held} FROM {table} WHERE tenant_id = %(tenant)s {filters} {opened}"
    " GROUP BY 1, 2 ORDER BY 1, 2 NULLS FIRST LIMIT %(most)s + 1"
)
_SPAN = sql.SQL(
    "count({span}) AS {count}, avg({span}) AS {mean}, percentile_cont(ARRAY[0.5, 0.9])"
    " WITHIN GROUP (ORDER BY {span}::double precision) AS {percentiles}"
)
# What is on hold now is little beside all that ever was, and an index leads to what is open.
_HOLDS = sql.SQL(
    "SELECT {since} AS since, {group} AS of, hold_reason AS reason,"
    " sum(extract(epoch FROM %(at)s - held_since) * 1000000)::bigint AS us"
    " FROM {table} WHERE tenant_id = %(tenant)s {filters} {opened}"
    " AND is_open AND held_since IS NOT NULL GROUP BY 1, 2, 3"
)
_OPEN = sql.SQL(
    "SELECT severity, team, opened_at FROM {table}"
    " WHERE tenant_id = %(tenant)s {filters} AND is_open"
)
_CELLS = sql.SQL(
    "SELECT severity, team, count(*) AS count FROM open_now"
    " GROUP BY 1, 2 ORDER BY 3 DESC, 1 NULLS FIRST, 2 NULLS FIRST LIMIT %(most)s"
)
_AGES = sql.SQL(
    "SELECT width_bucket(extract(epoch FROM %(at)s - opened_at), %(ages)s::numeric[]) AS age,"
    " count(*) AS count FROM open_now GROUP BY 1"
)
_WHOLE = sql.SQL(
    "WITH open_now AS MATERIALIZED ({open}) SELECT (SELECT json_agg(i) FROM ({items}) i),"
    " (SELECT json_agg(h) FROM ({holds}) h), (SELECT json_agg(c) FROM ({cells}) c),"
    " (SELECT json_agg(a) FROM ({ages}) a)"
)
_INTERVALS = {
    "none": sql.SQL("NULL::timestamp"),
    "day": sql.SQL("date_trunc('day', opened_at AT TIME ZONE 'UTC')"),
    "week": sql.SQL("date_trunc('week', opened_at AT TIME ZONE 'UTC')"),
    "month": sql.SQL("date_trunc('month', opened_at AT TIME ZONE 'UTC')"),
}
_GROUPS = {
    "none": sql.SQL("NULL::text"),
    "severity": sql.SQL("severity"),
    "team": sql.SQL("team"),
    "source": sql.SQL("source"),
}


class IncidentFigures:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def figures(self, tenant: UUID, asked: FiguresAsked, at: datetime) -> bytes:
        """The whole answer, a JSON object. `at`: until when holds and ages are measured.

        Raises: Invalid when it would have more than `MOST_ITEMS`.
        """
        query, parameters = figures_query(asked), parameters_of(asked, at)
        [row] = await self._reader.rows(tenant, query, parameters)
        items, holds, cells, ages = map(_found, row)
        if len(items) > MOST_ITEMS:
            refusal = f"There are more than {MOST_ITEMS:,} figures; ask for longer intervals"
            raise Invalid(f"{refusal}, or for a shorter time.", field="interval")
        parked = await parked_of(self._reader, tenant, "incident")
        return shown(at, items, holds, cells, ages, parked=parked)


def _found(column: list[Found] | None) -> list[Found]:
    """Postgres has no array of nothing."""
    return column or []


def figures_query(asked: FiguresAsked) -> sql.Composed:
    """Figures by interval and group, present holds, what is open, its ages: a JSON array each."""
    parts = {
        "table": tables.INCIDENT_FIGURES,
        "filters": _filters(asked),
        "opened": _opened(asked),
        "since": _INTERVALS[asked.interval],
        "group": _GROUPS[asked.group_by],
        "spans": sql.SQL(", ").join(map(_span, ("acknowledge", "resolve"))),
        "held": sql.SQL(", ").join(map(_held, HELD)),
    }
    return _WHOLE.format(
        open=_OPEN.format(**parts),
        items=_ITEMS.format(**parts),
        holds=_HOLDS.format(**parts),
        cells=_CELLS,
        ages=_AGES,
    )


def _span(name: str) -> sql.Composed:
    return _SPAN.format(
        span=sql.Identifier(f"{name}_us"),
        count=sql.Identifier(f"{name}_count"),
        mean=sql.Identifier(f"{name}_mean"),
        percentiles=sql.Identifier(f"{name}_percentiles"),
    )


def _held(column: str) -> sql.Composed:
    return sql.SQL("sum({0}) AS {0}").format(sql.Identifier(column))


def _filters(asked: FiguresAsked) -> sql.Composed:
    return sql.SQL(" ").join(
        sql.SQL("AND {} = ANY({})").format(sql.Identifier(name), sql.Placeholder(name))
        for name in asked.filters
    )


def _opened(asked: FiguresAsked) -> sql.SQL:
    since = "AND opened_at >= %(since)s " if asked.since else ""
    until = "AND opened_at < %(until)s" if asked.until else ""
    return sql.SQL(since + until)


def parameters_of(asked: FiguresAsked, at: datetime) -> dict[str, Any]:
    return {
        **{name: list(values) for name, values in asked.filters.items()},
        "since": asked.since,
        "until": asked.until,
        "at": at,
        "ages": list(AGES_S),
        "most": MOST_ITEMS,
    }
