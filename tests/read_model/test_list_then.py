"""The list as of an earlier moment: by indexes, for one organization, whatever is parked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from read_model.queries.asking import Asked, Cut, asked
from read_model.queries.cursor import Cursors
from read_model.queries.incident_list import IncidentList
from read_model.queries.list_asked import ALLOWED
from read_model.queries.list_counts import facets_query
from read_model.queries.list_page import page_query
from read_model.queries.past import EVENTS, Pasts
from read_model.reader import Reader
from tests.embedded import SUPERUSER, Database
from tests.projections.story import MONDAY, NORTH, SOUTH, Story, stream
from tests.read_model.conftest import Show
from tests.read_model.test_incident_list import declared, many
from write_model.kernel.errors import Invalid
from write_model.kernel.settings import APP

MANY = Cut(position=10**9, begun=10**6)


def asked_then(cut: Cut, **parameters: str) -> Asked:
    question = asked({"as_of": MONDAY.isoformat(), **parameters}, ALLOWED)
    return replace(question, cut=cut)


@pytest.fixture(autouse=True)
def story(show: Show) -> Story:
    story = many()
    show(story)
    return story


@pytest.fixture
def app(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.conninfo(APP), autocommit=True) as app:
        app.execute("SELECT set_config('app.tenant', %s, false)", (str(NORTH),))
        # Tables of some rows are scanned and sorted more cheaply.
        for way in ("seqscan", "sort", "bitmapscan"):
            app.execute(f"SET enable_{way} = off".encode())
        yield app


def plan(
    app: psycopg.Connection[Any],
    query: sql.Composed,
    explain: bytes = b"EXPLAIN ",
    **parameters: Any,
) -> str:
    given = {"tenant": NORTH, "position": 5, "begun": 5, "as_of": MONDAY, "limit": 50}
    lines = app.execute(explain + query.as_bytes(app), given | parameters).fetchall()
    return "\n".join(line for (line,) in lines)


@pytest.mark.parametrize(
    ("sort", "index"),
    [
        ("opened_at", "incident_list_v1_by_opening"),
        ("-number", "incident_list_v1_by_number"),
        ("-severity", "incident_versions_v1_by_severity"),
    ],
)
def test_every_sorted_page_goes_by_indexes(
    app: psycopg.Connection[Any], sort: str, index: str
) -> None:
    text = plan(app, page_query(asked_then(MANY, sort=sort), None))
    assert index in text
    assert "Seq Scan on incident" not in text
    assert "Sort Key: listed" not in text


def test_counts_and_events_go_by_indexes(app: psycopg.Connection[Any]) -> None:
    text = plan(app, facets_query(asked_then(MANY, facets="status,deviations")))
    assert "incident_versions_v1_pkey" in text
    assert "Seq Scan on incident" not in text
    streams, kinds = [stream("north 1"), stream("north 2")], ["incident"]
    text = plan(app, EVENTS, streams=streams, kinds=kinds, version=9)
    assert "events_by_stream" in text
    assert "Seq Scan on events" not in text
    text = plan(app, EVENTS, b"EXPLAIN (VERBOSE) ", streams=streams, kinds=kinds, version=9)
    assert "notification_id = (hashed SubPlan" in text


async def test_few_are_sorted_by_severity_as_many_are(reader: Reader, cursors: Cursors) -> None:
    incidents = IncidentList(reader, cursors)
    for sort in ("severity", "-severity"):
        [few, many] = [
            await incidents.page(NORTH, asked_then(Cut(9, begun), sort=sort))
            for begun in (7, MANY.begun)
        ]
        assert few == many
        assert len(json.loads(few.items)) == 7


@pytest.mark.parametrize("begun", [7, MANY.begun])
@pytest.mark.parametrize("sort", ["number", "-severity"])
async def test_a_key_finds_an_incident_from_when_it_had_it(
    reader: Reader, cursors: Cursors, show: Show, story: Story, sort: str, begun: int
) -> None:
    story.tell("north 6", declared(source="desk", source_key="K6"))
    show(story)
    last = story.events[-1].tenant_position
    found = [
        json.loads((await IncidentList(reader, cursors).page(NORTH, question)).items)
        for position in (last - 1, last)
        for question in [asked_then(Cut(position, begun), source_key="K6,K7", sort=sort)]
    ]
    assert found == [[], [str(stream("north 6"))]]


async def test_nothing_of_another_organization_is_in_the_past(
    reader: Reader, cursors: Cursors, app: psycopg.Connection[Any]
) -> None:
    incidents = IncidentList(reader, cursors)
    for sort in ("number", "severity"):
        page = await incidents.page(SOUTH, asked_then(MANY, sort=sort))
        assert json.loads(page.items) == [str(stream("south"))]
    past = await Pasts(reader).of(SOUTH, [stream("north 1"), stream("south")], ["incident"])
    assert {row[6] for row in past.rows} == {SOUTH}
    assert app.execute("SELECT DISTINCT tenant_id FROM projections.incident_versions_v1").fetchall()
    begun = "SELECT log.begun(%s, 'incident', 1000)"
    app.execute("SELECT set_config('app.tenant', %s, false)", (str(SOUTH),))
    assert [*app.execute(begun, (SOUTH,)), *app.execute(begun, (NORTH,))] == [(1,), (0,)]
    app.execute("SELECT set_config('app.tenant', '', false)")
    assert app.execute(begun, (NORTH,)).fetchall() == [(0,)]
    for table in ("incident_versions_v1", "skipped"):
        query = sql.SQL("SELECT position FROM projections.{}")
        assert app.execute(query.format(sql.Identifier(table))).fetchall() == []


async def test_a_moment_is_found_in_the_log(reader: Reader, story: Story) -> None:
    pasts = Pasts(reader)
    for tenant in (NORTH, SOUTH):
        told = [each for each in story.events if each.tenant == tenant]
        for each in told:
            assert await pasts.reached(tenant, each.recorded_at) == each.tenant_position
            before = each.recorded_at - timedelta(microseconds=1)
            assert await pasts.reached(tenant, before) == each.tenant_position - 1
            begun = sum(e.number is not None for e in told[: each.tenant_position])
            assert await pasts.begun(tenant, "incident", each.tenant_position) == begun
    assert await pasts.reached(UUID(int=0), MONDAY) == 0
    assert await pasts.begun(NORTH, "audit", 9) == 0
    with pytest.raises(Invalid):
        await pasts.reached(NORTH, MONDAY.replace(year=2126))


async def test_what_was_skipped_is_not_seen_in_the_past_either(
    reader: Reader, database: Database, story: Story
) -> None:
    [_, acknowledged] = [each for each in story.events if each.stream == stream("north 0")]
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as log:
        log.execute(
            "INSERT INTO projections.skipped (position, stream_id, tenant_id) VALUES (%s, %s, %s)",
            (acknowledged.position, acknowledged.stream, acknowledged.tenant),
        )
    past = await Pasts(reader).of(NORTH, [acknowledged.stream], ["incident"])
    assert (len(past.rows), past.version, past.due) == (1, 2, 1)


async def test_parked_records_are_counted_from_then_on(
    reader: Reader, cursors: Cursors, database: Database
) -> None:
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as log:
        log.execute(
            "INSERT INTO projections.dead_letters (stream_id, position, tenant_id,"
            " tenant_position, version, type, reason)"
            " VALUES (%s, 9, %s, 8, 2, 'incident.acknowledged', 'broken')",
            (stream("north 0"), NORTH),
        )
    incidents = IncidentList(reader, cursors)
    counts = [(await incidents.page(NORTH, asked_then(Cut(at, 7)))).parked for at in (7, 8)]
    assert counts == [0, 1]
