"""Tables as full as after years, made by the database itself: what the planner then thinks of them.

Nineteen of twenty incidents belong to the north; all but some of the last hundredth are closed, as
in every log that has grown old.
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
       n / 3 % 4 + 1 AS rank,
       ('0197a000-0000-7000-9000-' || lpad(to_hex(n % 50), 12, '0'))::uuid AS person,
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
       concat_ws(' ', 'the forklift', CASE WHEN n % 11 = 1 THEN 'leaks' END,
                 'gate' || n % 3001, 'serial' || n, 'word' || n % 1999, 'sign' || n % 1997)
  FROM made;

CREATE TEMPORARY TABLE steps AS
SELECT id, tenant_id, person, version, 3 * (n - 1) + version AS position,
       opened_at + version * interval '1 hour' AS at, CASE WHEN version = 1 THEN n END AS number,
       'incident.' || (ARRAY['declared', 'acknowledged', 'closed'])[version] AS type
  FROM made, generate_series(1, 3) AS version;

INSERT INTO projections.incident_timeline_v1
SELECT id, at, version, tenant_id, position, position FROM steps;

INSERT INTO projections.changes_v1
SELECT tenant_id, position, position, id, version, type, 1, person, at, at, '{{}}' FROM steps;

INSERT INTO log.events
SELECT id, version, type, '{{}}', position, 1, tenant_id, position, number, person, id, id, NULL,
       at, at, 'api', 1, NULL, NULL FROM steps;

INSERT INTO projections.people_v1
SELECT id, tenant_id, id, 1, n, 'active', '{{}}' FROM made WHERE n % 20 = 1;

INSERT INTO projections.dead_letters
SELECT id, 3 * n, tenant_id, 3 * n, 3, 'incident.closed', 'a test' FROM made WHERE n % 1000 = 7;

UPDATE projections.checkpoint SET position = 3 * {incidents};
DROP TABLE made, steps;
"""
GROWING = (
    "projections.incident_v1",
    "projections.incident_list_v1",
    "projections.incident_search_v1",
    "projections.incident_timeline_v1",
    "projections.changes_v1",
    "projections.people_v1",
    "log.events",
)


def incident(n: int) -> str:
    """The id of the nth incident."""
    return f"0197a000-0000-7000-8000-{n:012x}"


def person(n: int) -> str:
    """The id of one of the fifty."""
    return f"0197a000-0000-7000-9000-{n:012x}"


def seed(superuser: psycopg.Connection[Any], incidents: int) -> None:
    """So many incidents with three events each."""
    query = sql.SQL(_INCIDENTS).format(
        incidents=incidents, north=str(NORTH), south=str(SOUTH), monday=MONDAY
    )
    superuser.execute(query)
    for table in GROWING:
        name = sql.Identifier(*table.split("."))
        superuser.execute(sql.SQL("VACUUM ANALYZE {}").format(name))
