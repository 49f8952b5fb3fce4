"""Tables as full as after years, made by the database itself: what the planner then thinks of them.

Nineteen of twenty incidents belong to the north; all but the last hundredth are closed, as in every
log that has grown old.
"""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg import sql

from tests.projections.story import MONDAY, NORTH, SOUTH

_INCIDENTS: LiteralString = """
CREATE TEMPORARY TABLE made AS
SELECT n, ('0197a000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS id,
       CASE WHEN n % 20 = 0 THEN {south} ELSE {north} END::uuid AS tenant_id,
       {monday}::timestamptz + n * interval '1 minute' AS opened_at,
       CASE WHEN n % 3 = 0 OR n <= {incidents} * 0.99 THEN 'closed'
            ELSE (ARRAY['open', 'in_progress'])[n % 2 + 1] END AS status,
       n % 4 + 1 AS rank,
       ('0197a000-0000-7000-9000-' || lpad(to_hex(n % 200), 12, '0'))::uuid AS person,
       '{{"title":"' || repeat('The forklift leaks oil. ', 20) || '"}}' AS document
  FROM generate_series(1, {incidents}) AS n;

INSERT INTO projections.incident_v1
SELECT id, tenant_id, n, 3, 3 * n, false, ARRAY[person],
       opened_at + (n::bigint * 7919 % 1000) * interval '1 hour', document FROM made;

INSERT INTO projections.incident_list_v1
SELECT id, tenant_id, n, status, 'sev' || rank, rank, (ARRAY['high', 'low', NULL])[n % 3 + 1],
       'team ' || n % 50, person, (ARRAY['console', 'desk'])[n % 2 + 1],
       CASE WHEN n % 2 = 1 THEN 'K' || n END, opened_at,
       CASE WHEN status = 'closed' THEN opened_at + interval '2 days' END,
       0, ARRAY[]::text[], NULL, NULL, document FROM made;

INSERT INTO projections.incident_search_v1 (id, tenant_id, text)
SELECT id, tenant_id,
       concat_ws(' ', 'the forklift', CASE WHEN n % 10 = 1 THEN 'leaks' END,
                 CASE WHEN n % 100 = 1 THEN 'oil' END, 'gate' || n % 5000, 'serial' || n,
       (SELECT string_agg('word' || n * k % 1999, ' ') FROM generate_series(1, 30) AS k))
  FROM made;

INSERT INTO projections.incident_timeline_v1
SELECT id, opened_at + version * interval '1 hour', version, tenant_id, 3 * (n - 1) + version,
       3 * (n - 1) + version FROM made, generate_series(1, 3) AS version;

INSERT INTO projections.changes_v1
SELECT tenant_id, 3 * (n - 1) + version, 3 * (n - 1) + version, id, version,
       'incident.' || (ARRAY['declared', 'acknowledged', 'closed'])[version], 1, person,
       opened_at + version * interval '1 hour', opened_at + version * interval '1 hour', '{{}}'
  FROM made, generate_series(1, 3) AS version;

INSERT INTO projections.people_v1
SELECT id, tenant_id, id, 1, n, 'active', '{{}}' FROM made WHERE n % 20 = 1;

INSERT INTO projections.dead_letters
SELECT id, 3 * n, tenant_id, 3 * n, 3, 'incident.closed', 'a test' FROM made WHERE n % 1000 = 7;

DROP TABLE made;
"""
_ANALYZED = (
    "incident_v1",
    "incident_list_v1",
    "incident_search_v1",
    "incident_timeline_v1",
    "changes_v1",
    "people_v1",
    "dead_letters",
)


def seed(connection: psycopg.Connection[Any], incidents: int) -> None:
    """As the tailer, who owns the tables: so many incidents with three events each."""
    query = sql.SQL(_INCIDENTS).format(
        incidents=incidents, north=str(NORTH), south=str(SOUTH), monday=MONDAY
    )
    connection.execute(query)
    for table in _ANALYZED:
        name = sql.Identifier("projections", table)
        connection.execute(sql.SQL("VACUUM ANALYZE {}").format(name))
