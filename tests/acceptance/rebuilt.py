"""What is shown, held against the log itself: row by row, by SQL and a fold of the events' JSON.

Nothing here is the product's own: it asks as a superuser, in any database that has our tables.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from tests.acceptance.independent_fold import compared
from tests.acceptance.independent_rows import Row, Rows, rows

Connection = psycopg.Connection[tuple[Any, ...]]

_STORED: LiteralString = (
    "SELECT topic, originator_id, originator_version, number, actor_id, recorded_at,"
    " occurred_at, tenant_id, tenant_position, notification_id, convert_from(state, 'UTF8')::json"
    " FROM log.events ORDER BY notification_id"
)
_NAMES = (
    "type",
    "stream",
    "version",
    "number",
    "actor",
    "recorded_at",
    "occurred_at",
    "tenant",
    "tenant_position",
    "position",
    "data",
)
_LISTED_BY: LiteralString = (
    "number, status, severity, severity_rank, priority, team, assignee, source, source_key,"
    " opened_at, closed_at, reopened, array_to_string(deviations, ',')"
)

# Of each projection that has rows of events or people: how they are shown, and what the log says.
_HELD: dict[str, tuple[LiteralString, LiteralString]] = {
    "incident_timeline": (
        """SELECT stream_id, occurred_at, version, tenant_id, tenant_position, position FROM {}""",
        """SELECT originator_id, occurred_at, originator_version, tenant_id, tenant_position,
                  notification_id
             FROM log.events WHERE topic LIKE 'incident.%'""",
    ),
    "changes": (
        """SELECT tenant_id, tenant_position, position, stream_id, version, type, schema_version,
                  actor_id, recorded_at, occurred_at FROM {}""",
        """SELECT tenant_id, tenant_position, notification_id, originator_id, originator_version,
                  topic, schema_version, actor_id, recorded_at, occurred_at FROM log.events""",
    ),
    "people": (
        """SELECT id, tenant_id, version, position, standing FROM {}""",
        """SELECT DISTINCT ON (originator_id) originator_id, tenant_id,
                  max(originator_version) OVER every, max(notification_id) OVER every,
                  replace(split_part(topic, '.', 2), 'activated', 'active')
             FROM log.events WHERE topic LIKE 'membership.%'
           WINDOW every AS (PARTITION BY originator_id)
            ORDER BY originator_id, topic = 'membership.roles_changed', originator_version DESC""",
    ),
}


def places(connection: Connection) -> dict[str, str]:
    """Projection -> the table that has its rows now."""
    return dict(connection.execute("SELECT name, table_name FROM projections.current").fetchall())


def the_same_rows(connection: Connection, one: str, other: str) -> int:
    """Two tables hold the same, row for row; returns how many rows."""
    left, right = (sql.Identifier("projections", name) for name in (one, other))
    query: LiteralString = "SELECT t::text FROM {} t EXCEPT ALL SELECT t::text FROM {} t"
    assert connection.execute(sql.SQL(query).format(left, right)).fetchall() == []
    assert connection.execute(sql.SQL(query).format(right, left)).fetchall() == []
    [(rows,)] = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(left)).fetchall()
    return int(rows)


def every_row_is_as_the_log_says(connection: Connection) -> int:
    """Of all organizations; returns how many incidents there are."""
    tables = places(connection)
    for name, (shown, stored) in _HELD.items():
        table = sql.Identifier("projections", tables[name])
        _equal(connection, sql.SQL(shown).format(table), sql.SQL(stored))
    said_by_log = rows(_stored(connection))
    expected = said_by_log.documents
    documents = _documents(connection, tables["incident"])
    assert {id_: compared(each) for id_, each in documents.items()} == expected
    _beside_the_documents(connection, tables, said_by_log)
    for id_, item in _documents(connection, tables["incident_list"]).items():
        said = item.keys() & expected[id_].keys() - {"notes", "amended"}
        assert {name: item[name] for name in said} == {name: expected[id_][name] for name in said}
    _the_feed_leads_to(documents, connection, tables["changes"])
    return len(expected)


def _beside_the_documents(connection: Connection, tables: dict[str, str], said: Rows) -> None:
    counts = [(*key, count) for key, count in said.counts.items()]
    held: dict[str, tuple[LiteralString, Iterable[Row]]] = {
        "incident_list": (f"id, tenant_id, {_LISTED_BY}, imported_row, imported_step", said.listed),
        "incident_counts": ("tenant_id, status, severity, team, count", counts),
        "incident_versions": (
            f"stream_id, tenant_id, tenant_position, position, {_LISTED_BY}",
            said.versions,
        ),
        "incident_search": ("id, tenant_id, text", said.searched),
    }
    for name, (columns, log_says) in held.items():
        query = sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(columns), sql.Identifier("projections", tables[name])
        )
        shown = Counter(connection.execute(query))
        expected = Counter(log_says)
        wrong = list((shown - expected).items())[:3], list((expected - shown).items())[:3]
        assert wrong == ([], []), name


def _equal(connection: Connection, shown: sql.Composed, stored: sql.SQL) -> None:
    for one, other in ((shown, stored), (stored, shown)):
        query = sql.SQL("SELECT * FROM ({}) a EXCEPT ALL SELECT * FROM ({}) b LIMIT 3")
        assert connection.execute(query.format(one, other)).fetchall() == []


def _stored(connection: Connection) -> Iterator[dict[str, Any]]:
    numbers: dict[Any, int] = {}
    for row in connection.execute(_STORED):
        event = dict(zip(_NAMES, row, strict=True))
        number = numbers.setdefault(event["stream"], event["number"])
        yield event | {"actor": str(event["actor"]), "number": number}


def _documents(connection: Connection, table: str) -> dict[str, dict[str, Any]]:
    query = sql.SQL("SELECT id, document FROM {}").format(sql.Identifier("projections", table))
    return {str(id_): json.loads(document) for id_, document in connection.execute(query)}


def _the_feed_leads_to(
    documents: dict[str, dict[str, Any]], connection: Connection, table: str
) -> None:
    """Each change starts where the one before ended, and the last one is what is shown."""
    query = sql.SQL("SELECT stream_id, item FROM {} ORDER BY position")
    folded: dict[str, dict[str, Any]] = {}
    for stream, item in connection.execute(query.format(sql.Identifier("projections", table))):
        document = folded.setdefault(str(stream), {})
        for change in json.loads(item)["changes"]:
            if change["field"] in ("title", "status", "severity", "team", "assignee"):
                assert document.get(change["field"]) == change["from"]
                document[change["field"]] = change["to"]
    for id_, document in documents.items():
        assert folded[id_] == {name: document[name] for name in folded[id_]}
