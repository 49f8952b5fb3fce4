"""Filters by what few of many incidents have are answered from an index, in the list's order."""

from __future__ import annotations

from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest

from read_model.queries.asking import asked
from read_model.queries.cursor import Cursors
from read_model.queries.incident_list import IncidentList
from read_model.queries.list_asked import ALLOWED
from read_model.queries.list_page import page_query
from read_model.reader import Reader, open_pool
from tests.embedded import Database
from tests.identity import MASTER
from tests.projections.story import NORTH

PERSON = UUID("0197a000-0000-7000-9000-000000000007")
_ROWS: LiteralString = """
INSERT INTO projections.incident_list_v1 (id, tenant_id, number, status, severity, severity_rank,
    priority, team, assignee, source, opened_at, reopened, deviations, document)
SELECT gen_random_uuid(), %(tenant)s, n,
       CASE WHEN n %% 4000 = 1 THEN 'open' WHEN n %% 4 = 0 THEN 'resolved' ELSE 'closed' END,
       CASE n %% 4000 WHEN 2 THEN 'sev1' WHEN 4 THEN 'sev4' ELSE 'sev3' END, 3,
       CASE WHEN n %% 4000 = 3 THEN 'critical' END, 'team ' || n %% 500,
       ('0197a000-0000-7000-9000-' || lpad(to_hex(n %% 500), 12, '0'))::uuid, 'desk',
       '2026-02-02T08:00:00Z'::timestamptz + n * interval '1 minute', 0, '{}', repeat('leak ', 90)
  FROM generate_series(1, 20000) AS n
"""

_PLANS: LiteralString = (
    "SELECT custom_plans, generic_plans FROM pg_prepared_statements"
    " WHERE statement LIKE '%incident_list%'"
)


@pytest.fixture
def full(database: Database) -> Database:
    with psycopg.connect(database.conninfo("tallystick_tailer"), autocommit=True) as tailer:
        tailer.execute(_ROWS, {"tenant": NORTH})
        tailer.execute("ANALYZE projections.incident_list_v1")
    return database


@pytest.mark.parametrize(
    ("name", "value", "index"),
    [
        ("status", "open", "by_unusual_status"),
        ("severity", "sev1", "by_severity_and_opening"),
        ("severity", "sev4", "by_severity_and_opening"),
        ("priority", "critical", "by_priority"),
        ("team", "team 7", "by_team"),
        ("assignee", PERSON, "by_assignee"),
    ],
)
def test_the_newest_with_a_rare_value_come_in_order_from_its_index(
    full: Database, name: str, value: object, index: str
) -> None:
    query = page_query(asked({name: str(value)}, ALLOWED), None)
    with psycopg.connect(full.conninfo("tallystick_app"), autocommit=True) as app:
        app.execute("SELECT set_config('app.tenant', %s, false)", (str(NORTH),))
        values: dict[str, Any] = {"tenant": NORTH, "limit": 3, "fields": [], name: value}
        plan = "\n".join(line for (line,) in app.execute(b"EXPLAIN " + query.as_bytes(app), values))
    assert f"Backward using incident_list_v1_{index}" in plan
    assert "Sort Key: incident" not in plan


async def test_one_value_and_several_are_asked_for_in_turn(full: Database) -> None:
    async with open_pool(full.conninfo("tallystick_app"), size=1) as pool:
        incidents = IncidentList(Reader(pool), Cursors(MASTER))
        found = [
            (await incidents.page(NORTH, asked({"team": teams, "limit": "500"}, ALLOWED))).items
            for teams in ("team 7", "team 7,team 8", "team 8")
        ]
    assert [items.count(b"leak leak") > 0 for items in found] == [True] * 3
    assert len(found[0]) + len(found[2]) == len(found[1]) + 1  # "[a]" and "[b]" make "[a,b]".


async def test_what_was_asked_for_often_spoils_no_plan_for_what_is_rare(full: Database) -> None:
    async with open_pool(full.conninfo("tallystick_app"), size=1) as pool:
        incidents = IncidentList(Reader(pool), Cursors(MASTER))
        for _ in range(12):
            await incidents.page(NORTH, asked({"status": "closed"}, ALLOWED))
        async with pool.connection() as connection:
            cursor = await connection.execute(_PLANS)
            [(custom, generic)] = await cursor.fetchall()
    assert custom > 0
    assert generic == 0
