"""Whatever has happened, every moment is told as it was shown at that moment."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.past import as_of, items_then
from api.questions import Questions, questions
from projections.as_of import folded
from projections.engine.log import recorded_of
from projections.incident.tables import INCIDENT
from read_model.cache import open_cache
from read_model.queries.asking import Asked, asked
from read_model.queries.list_asked import ALLOWED
from read_model.reader import Reader, open_pool
from tests.embedded import MASTER_SECRET, SUPERUSER, Database
from tests.projections.story import JONAS, MARA, MONDAY, NORTH, SOUTH, Story, write_log
from tests.projections.test_projector import projector, start_again
from tests.projections.test_second_opinion import HAPPENINGS
from write_model.incident.events import NoteRetracted
from write_model.kernel.clock import wall_clock
from write_model.kernel.messages import Event, Recorded
from write_model.kernel.secrets import MasterSecret
from write_model.kernel.settings import APP, TAILER, Settings

QUESTIONS: Sequence[Mapping[str, str]] = (
    {"sort": "number", "facets": ",".join(sorted(ALLOWED.facets))},
    {"sort": "-severity", "status": "open,closed", "facets": "team"},
    {"sort": "severity", "limit": "2"},
    {"severity": "sev2,sev4", "opened_at[gte]": "2026-02-02T07:00:00Z"},
    {"sort": "opened_at", "team": "Yard,V5 3rd", "fields": "reference,team,version"},
    {"assignee": f"{JONAS},{MARA}", "facets": "status"},
)
NAMES = ("forklift", "crane", "press")
Happening = tuple[str, Event, UUID]

begun = [
    st.tuples(st.just(name), st.sampled_from(HAPPENINGS[:2]), st.just(tenant))
    for name, tenant in (*((name, NORTH) for name in NAMES), ("southern", SOUTH))
]
goes_on: st.SearchStrategy[Happening] = st.tuples(
    st.sampled_from(NAMES),
    st.sampled_from((*HAPPENINGS[1:], NoteRetracted(note=UUID(int=1)))),
    st.just(NORTH),
)
histories = st.tuples(st.tuples(*begun), st.lists(goes_on, max_size=9)).flatmap(
    lambda history: st.permutations([*history[0], *history[1]])
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=histories)
def test_records_lists_and_facets_are_told_as_they_were_shown(
    database: Database, history: Sequence[Happening]
) -> None:
    asyncio.run(shown_and_told(database, in_order(history).events))


def in_order(history: Sequence[Happening]) -> Story:
    """As told, but that nothing happens to what has not begun."""
    story, known = Story(), set[str]()
    for name, event, tenant in history:
        if name in known or event in HAPPENINGS[:2]:
            known.add(name)
            story.tell(name, event, tenant=tenant, occurred=MONDAY - timedelta(minutes=9))
    return story


async def shown_and_told(database: Database, events: Sequence[Recorded]) -> None:
    with (
        psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as log,
        psycopg.connect(database.conninfo(TAILER), autocommit=True) as tailer,
    ):
        log.execute("SET session_replication_role = replica")
        log.execute("TRUNCATE log.events")
        start_again(log)
        write_log(log, events)
        async with asking(database) as ask:
            one = projector(tailer, batch=1)
            shown = list[tuple[Recorded, Any, Any]]()
            for recorded in events:
                one.step()
                shown.append((recorded, await listed(ask, None), await document(ask, recorded)))
            for recorded, lists, was in shown:
                assert await listed(ask, recorded) == lists
                assert await document_then(ask, recorded) == was


@asynccontextmanager
async def asking(database: Database) -> AsyncGenerator[Questions]:
    """Without a cache: what is asked here is always computed."""
    master = MasterSecret(MASTER_SECRET)
    async with (
        open_pool(database.conninfo(APP), size=1) as pool,
        open_cache("unix:///nobody.sock", master, wall_clock) as nothing_kept,
    ):
        yield questions(Reader(pool), Reader(pool), master, nothing_kept, Settings(), wall_clock)


async def listed(ask: Questions, after: Recorded | None) -> list[Any]:
    """Every page of every question, with its facets; as of an event, or now."""
    moment = {"as_of": after.recorded_at.isoformat()} if after else {}
    return [
        await pages(ask, tenant, asked({**question, **moment}, ALLOWED))
        for tenant in (NORTH, SOUTH)
        for question in QUESTIONS
    ]


async def pages(ask: Questions, tenant: UUID, question: Asked) -> Any:
    question = await as_of(ask, tenant, question)
    page = await ask.incident_list.page(tenant, question)
    items = json.loads(await items_then(ask, tenant, page.items, question))
    if question.facets:
        counts = await ask.incident_list.facets(tenant, question)
        return items, {name: dict(sorted(each.items(), key=str)) for name, each in counts.items()}
    return items, page.next_cursor is None


async def document(ask: Questions, recorded: Recorded) -> Any:
    found = await ask.incidents.by_id(recorded.tenant, recorded.stream)
    assert found is not None
    return json.loads(found.document)


async def document_then(ask: Questions, recorded: Recorded) -> Any:
    position = await ask.pasts.reached(recorded.tenant, recorded.recorded_at)
    assert position == recorded.tenant_position
    until = {"position": position}
    past = await ask.pasts.of(recorded.tenant, [recorded.stream], INCIDENT.topics, **until)
    stood = folded(INCIDENT, recorded_of(past.rows))
    assert stood is not None
    assert stood.last.version == recorded.version
    return json.loads(stood.row(INCIDENT)["document"])
