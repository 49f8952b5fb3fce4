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
       CASE WHEN {of_the_south} THEN {south} ELSE {north} END::uuid AS tenant_id,
       row_number() OVER (PARTITION BY {of_the_south} ORDER BY n) AS number,
       {monday}::timestamptz + n * interval '1 minute' AS opened_at,
       CASE WHEN n % 3 = 0 OR n <= {incidents} * 0.99 THEN 'closed'
            ELSE (ARRAY['open', 'in_progress'])[n % 2 + 1] END AS status,
       n / 3 % 4 + 1 AS rank, (ARRAY['high', 'low', NULL])[n % 3 + 1] AS priority,
       'team ' || n % 50 AS team,
       ('0197a000-0000-7000-9000-' || lpad(to_hex(n % 50), 12, '0'))::uuid AS person,
       CASE WHEN n % 9000 = 78 THEN 'radio'
            ELSE (ARRAY['console', 'desk'])[n % 2 + 1] END AS source,
       CASE WHEN n % 2 = 1 THEN 'K' || n END AS source_key,
       '{{"title":"' || repeat('The forklift leaks oil. ', 20) || '"}}' AS document
  FROM generate_series(1, {incidents}) AS n;

INSERT INTO projections.incident_v1
SELECT id, tenant_id, number, 3, 3 * n, false, ARRAY[person],
       opened_at + (n::bigint * 7919 % 1000) * interval '1 hour', document FROM made;

INSERT INTO projections.incident_list_v1
SELECT id, tenant_id, number, status, 'sev' || rank, rank, priority, team, person, source,
       source_key, opened_at, CASE WHEN status = 'closed' THEN opened_at + interval '2 days' END,
       0, ARRAY[]::text[], NULL, NULL, document FROM made;

INSERT INTO projections.incident_counts_v1
SELECT tenant_id, status, 'sev' || rank, team, count(*) FROM made GROUP BY 1, 2, 3, 4;

INSERT INTO projections.incident_figures_v1
SELECT id, tenant_id, status, status <> 'closed', 'sev' || rank, priority, team, source, opened_at,
       n * 60, CASE WHEN status = 'closed' THEN n * 60::bigint * 60 END, 0,
       CASE WHEN status <> 'closed' AND n % 5 = 0 THEN 'other' END,
       CASE WHEN status <> 'closed' AND n % 5 = 0 THEN opened_at END,
       n, NULL, NULL, NULL, NULL, n FROM made;

INSERT INTO projections.incident_search_v1 (id, tenant_id, text)
SELECT id, tenant_id,
       concat_ws(' ', 'the forklift', CASE WHEN n % 11 = 1 THEN 'leaks' END,
                 'gate' || n % 3001, 'serial' || n, 'word' || n % 1999, 'sign' || n % 1997)
  FROM made;

CREATE TEMPORARY TABLE steps AS
SELECT made.*, version, 3 * (n - 1) + version AS position,
       3 * (number - 1) + version AS tenant_position,
       opened_at + (version - 1) * interval '20 seconds' AS at,
       (ARRAY['open', 'in_progress', 'closed'])[version] AS then,
       'incident.' || (ARRAY['declared', 'acknowledged', 'closed'])[version] AS type
  FROM made, generate_series(1, 3) AS version;

INSERT INTO projections.incident_versions_v1
SELECT id, tenant_id, tenant_position, position, number, steps.then, 'sev' || rank, rank, priority,
       team, person, source, source_key, opened_at,
       CASE WHEN version = 3 THEN opened_at + interval '2 days' END, 0, ARRAY[]::text[]
  FROM steps WHERE version = 1 OR status = 'closed' OR steps.then = status;

INSERT INTO projections.incident_timeline_v1
SELECT id, at, version, tenant_id, tenant_position, position FROM steps;

INSERT INTO projections.changes_v1
SELECT tenant_id, tenant_position, position, id, version, type, 1, person, at, at, '{{}}'
  FROM steps;

INSERT INTO log.events
SELECT id, version, type, '{{}}', position, 1, tenant_id, tenant_position,
       CASE WHEN version = 1 THEN number END, person, id, id, NULL, at, at, 'api', 1, NULL, NULL
  FROM steps;

INSERT INTO projections.people_v1
SELECT id, tenant_id, id, 1, n, 'active', '{{}}' FROM made WHERE n % 20 = 1;

INSERT INTO projections.dead_letters
SELECT id, position, tenant_id, tenant_position, version, type, 'a test'
  FROM steps WHERE n % 1000 = 7 AND version > 1;

INSERT INTO projections.repairs (stream_id, tenant_id, reason, asked_by)
SELECT id, tenant_id, 'It was mended.', person FROM made WHERE n % 2000 = 7;

INSERT INTO projections.skipped (position, stream_id, tenant_id)
SELECT position, id, tenant_id FROM steps WHERE n % 1000 = 9 AND version = 2;

INSERT INTO projections.rebuilds (id, names, tenant_id, state)
SELECT id, ARRAY['incident'], tenant_id, 'done' FROM made WHERE n % 1000 = 8;

UPDATE projections.checkpoint SET position = 3 * {incidents};
DROP TABLE made, steps;
"""
GROWING = (
    "projections.incident_v1",
    "projections.incident_list_v1",
    "projections.incident_figures_v1",
    "projections.incident_search_v1",
    "projections.incident_timeline_v1",
    "projections.incident_versions_v1",
    "projections.changes_v1",
    "projections.people_v1",
    "log.events",
)
OTHERS = (
    "projections.incident_counts_v1",
    "projections.dead_letters",
    "projections.repairs",
    "projections.skipped",
    "projections.rebuilds",
)
SEEDED = tuple(sql.Identifier(*table.split(".")) for table in GROWING + OTHERS)
PARKED = 1_007
"""One of those that are."""


def incident(n: int) -> str:
    """The id of the nth incident."""
    return f"0197a000-0000-7000-8000-{n:012x}"


def person(n: int) -> str:
    """The id of one of the fifty."""
    return f"0197a000-0000-7000-9000-{n:012x}"


def seed(
    superuser: psycopg.Connection[Any], incidents: int, of_the_south: LiteralString = "n % 20 = 0"
) -> None:
    """So many incidents with three events each; `of_the_south`: which are not the north's."""
    query = sql.SQL(_INCIDENTS).format(
        incidents=incidents,
        north=str(NORTH),
        south=str(SOUTH),
        of_the_south=sql.SQL(of_the_south),
        monday=MONDAY,
    )
    superuser.execute(query)
    for table in SEEDED:
        superuser.execute(sql.SQL("VACUUM ANALYZE {}").format(table))


def without_the_south(superuser: psycopg.Connection[Any]) -> None:
    """As if it had never been."""
    superuser.execute("SET session_replication_role = replica")  # The log refuses it otherwise.
    for table in SEEDED:
        superuser.execute(sql.SQL("DELETE FROM {} WHERE tenant_id = %s").format(table), (SOUTH,))
        superuser.execute(sql.SQL("VACUUM FULL ANALYZE {}").format(table))
