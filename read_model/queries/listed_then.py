"""The list of incidents as of an earlier moment, in place of its table."""

from __future__ import annotations

from psycopg import sql

from read_model import tables
from read_model.queries.asking import Cut

# What an event changes of an incident is a row of its own, true until the next. Incidents come by
# the present list, whose order is that of then: neither number nor time of opening ever changes.
# Nothing is recorded before it happened, but for clocks that differ, so that a page from the newest
# on does not begin with what came later.
_THEN = sql.SQL(
    "(SELECT version.tenant_id, listed.id, listed.number, listed.opened_at, version.status,"
    " version.severity, version.severity_rank, version.priority, version.team, version.assignee,"
    " version.source, version.source_key, version.closed_at, version.reopened, version.deviations,"
    " listed.source AS kept_source, listed.source_key AS kept_key"
    " FROM {} AS listed CROSS JOIN LATERAL ("
    " SELECT tenant_id, status, severity, severity_rank, priority, team, assignee, source,"
    " source_key, closed_at, reopened, deviations FROM {} AS version"
    " WHERE tenant_id = %(tenant)s AND stream_id = listed.id AND tenant_position <= %(position)s"
    " ORDER BY tenant_position DESC LIMIT 1) AS version"
    " WHERE listed.tenant_id = %(tenant)s {}) AS listed_then"
)
_ENDS = {
    "-number": sql.SQL("AND listed.number <= %(begun)s"),
    "-opened_at": sql.SQL("AND listed.opened_at <= %(as_of)s + interval '1 day'"),
}
"""By the sort whose index they cut."""
# The severity does change, so that its order is that of the rows: those that no later one replaced.
# With the list beside them: few that were opened within some hours are found by it, and sorted.
_THEN_BY_SEVERITY = sql.SQL(
    "(SELECT version.tenant_id, version.stream_id AS id, listed.number, listed.opened_at,"
    " version.status, version.severity, version.severity_rank, version.priority, version.team,"
    " version.assignee, version.source, version.source_key, version.closed_at, version.reopened,"
    " version.deviations, listed.source AS kept_source, listed.source_key AS kept_key"
    " FROM {} AS listed JOIN {} AS version ON version.stream_id = listed.id"
    " WHERE listed.tenant_id = %(tenant)s AND version.tenant_id = %(tenant)s"
    " AND version.tenant_position <= %(position)s AND NOT EXISTS ("
    " SELECT FROM {} AS later WHERE later.tenant_id = %(tenant)s"
    " AND later.stream_id = version.stream_id"
    " AND later.tenant_position > version.tenant_position"
    " AND later.tenant_position <= %(position)s)) AS listed_then"
).format(tables.INCIDENT_LIST, tables.INCIDENT_VERSIONS, tables.INCIDENT_VERSIONS)

KEPT = {"source": "kept_source", "source_key": "kept_key"}
"""Whoever had a key has kept it, and the source with it: the list's index leads to him then too."""


def listed_then(sort: str, cut: Cut, *, goes_on: bool) -> sql.Composable:
    """A subquery with the list's filter columns as they were at the cut.

    `goes_on`: the page before ended at or below what ends the walk, and only its end may cut the
    index then: of two the server takes the wrong one, and walks all pages before.
    """
    if sort.endswith("severity") and not cut.is_early:
        return _THEN_BY_SEVERITY
    ends = [end for by, end in _ENDS.items() if not (goes_on and by == sort)]
    return _THEN.format(tables.INCIDENT_LIST, tables.INCIDENT_VERSIONS, sql.SQL(" ").join(ends))
