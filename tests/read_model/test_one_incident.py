"""One incident by id or reference, its history, its timeline, and the feed of all changes."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import psycopg
import pytest

from read_model.queries.changes import Changes
from read_model.queries.cursor import Cursors
from read_model.queries.history import Histories
from read_model.queries.incident import Incidents
from read_model.queries.people import People
from read_model.queries.position import Applied, Positions
from read_model.queries.timeline import Timelines
from read_model.reader import Reader, open_pool
from tests.awake import awake
from tests.embedded import Database
from tests.projections.story import JONAS, MARA, MONDAY, NORTH, SOUTH, Story, stream
from tests.projections.test_incident_document import DECLARED
from tests.projections.test_people import INVITED
from tests.read_model.conftest import Show
from tests.write_model.kernel.store.disturbing import paused
from write_model.incident.events import IncidentAcknowledged, IncidentResolved
from write_model.kernel.errors import Invalid

FORKLIFT, CRANE = stream("forklift"), stream("crane")


def told() -> Story:
    story = Story()
    story.tell("forklift", DECLARED)
    story.tell("crane", DECLARED, tenant=SOUTH)
    story.tell("jonas", INVITED)
    story.tell("forklift", IncidentAcknowledged(), occurred=MONDAY)
    story.tell(
        "forklift", IncidentResolved(resolution="Sealed"), occurred=MONDAY - timedelta(minutes=5)
    )
    return story


@pytest.fixture(autouse=True)
def story(show: Show) -> Story:
    """What is shown at the beginning."""
    story = told()
    show(story)
    return story


@pytest.fixture
def answers_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for one answer gets it, however late it comes on a stalled machine."""
    monkeypatch.setattr("read_model.queries.position._ANSWER_S", 30.0)


def versions(items: bytes) -> list[int]:
    return [item["version"] for item in json.loads(items)]


async def test_an_incident_is_found_by_id_and_by_reference(reader: Reader) -> None:
    incidents = Incidents(reader)
    found = await incidents.find(NORTH, str(FORKLIFT))
    assert found is not None
    assert found == await incidents.find(NORTH, "inc-1")
    assert json.loads(found.document)["resolution"] == "Sealed"
    assert (found.number, found.version, found.is_personal, found.people) == (1, 3, False, (MARA,))


async def test_what_is_not_there_or_another_organizations_is_not_found(reader: Reader) -> None:
    incidents = Incidents(reader)
    for name in (str(CRANE), str(JONAS), "INC-2", "INC-0", "the forklift"):
        assert await incidents.find(NORTH, name) is None


async def test_reads_that_arrive_together_are_answered_together(reader: Reader) -> None:
    incidents = Incidents(reader)
    asked = [(NORTH, FORKLIFT), (NORTH, FORKLIFT), (NORTH, CRANE), (SOUTH, CRANE)]
    found = await asyncio.gather(*(incidents.by_id(*each) for each in asked))
    assert [each and each.id for each in found] == [FORKLIFT, FORKLIFT, None, CRANE]


async def test_a_database_that_fails_is_told_to_everyone_who_waits(database: Database) -> None:
    async with open_pool(database.conninfo("tallystick_app")) as pool:
        incidents = Incidents(Reader(pool))
        await incidents.by_id(NORTH, FORKLIFT)
        with psycopg.connect(database.conninfo("postgres"), autocommit=True) as admin:
            admin.execute("REVOKE SELECT ON projections.incident_v1 FROM tallystick_app")
        asked = [incidents.by_id(NORTH, each) for each in (FORKLIFT, CRANE)]
        failed = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in failed] == [psycopg.errors.InsufficientPrivilege] * 2


async def test_a_reader_who_goes_away_takes_nobody_along(reader: Reader) -> None:
    incidents = Incidents(reader)
    gone = asyncio.create_task(incidents.by_id(NORTH, FORKLIFT))
    stays = asyncio.create_task(incidents.by_id(NORTH, FORKLIFT))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays is not None


async def test_a_history_goes_on_where_its_page_ended(reader: Reader, cursors: Cursors) -> None:
    histories = Histories(reader, cursors)
    first = await histories.of(NORTH, FORKLIFT, limit=2)
    rest = await histories.of(NORTH, FORKLIFT, limit=2, cursor=first.next_cursor)
    assert (versions(first.items), versions(rest.items)) == ([1, 2], [3])
    assert rest.next_cursor is None
    assert (await histories.of(SOUTH, FORKLIFT)).items == b"[]"
    with pytest.raises(Invalid):
        await histories.of(SOUTH, CRANE, cursor=first.next_cursor)


async def test_a_timeline_is_told_as_it_happened_or_as_it_was_recorded(
    reader: Reader, cursors: Cursors
) -> None:
    timelines = Timelines(reader, cursors)
    happened = await timelines.of(NORTH, FORKLIFT)
    recorded = await timelines.of(NORTH, FORKLIFT, by="recorded_at")
    assert (versions(happened.items), versions(recorded.items)) == ([3, 2, 1], [1, 2, 3])
    first = await timelines.of(NORTH, FORKLIFT, limit=2)
    rest = await timelines.of(NORTH, FORKLIFT, limit=2, cursor=first.next_cursor)
    assert versions(first.items) + versions(rest.items) == [3, 2, 1]


async def test_the_feed_has_every_position_once_and_filters_by_type_and_subject(
    reader: Reader,
) -> None:
    changes = Changes(reader)
    everything = await changes.after(NORTH, 0)
    events = json.loads(everything.items)
    assert [event["position"] for event in events] == [1, 2, 3, 4]
    assert (everything.count, everything.through) == (4, 4)
    page = await changes.after(NORTH, 1, limit=2)
    assert (page.count, page.through) == (2, 3)
    declared = await changes.after(NORTH, 0, types=["incident.declared"], subject=FORKLIFT)
    assert (declared.count, declared.through) == (1, 4)
    assert (await changes.after(NORTH, 9)).through == 9


async def test_an_event_of_the_feed_is_a_cloud_event(reader: Reader) -> None:
    [event] = json.loads((await Changes(reader).after(NORTH, 0, limit=1)).items)
    data = event.pop("data")
    assert event == {
        "specversion": "1.0",
        "id": f"{FORKLIFT}/1",
        "source": f"/v1/organizations/{NORTH}",
        "type": "incident.declared",
        "subject": str(FORKLIFT),
        "time": "2026-02-02T08:01:00.000000Z",
        "datacontenttype": "application/json",
        "position": 1,
        "version": 1,
        "tenant": str(NORTH),
        "actor": str(MARA),
        "occurred_at": "2026-02-02T08:01:00.000000Z",
        "schema_version": 1,
    }
    assert {"field": "status", "from": None, "to": "open"} in data["changes"]


async def test_people_are_found_with_their_sealed_names(reader: Reader) -> None:
    people = People(reader)
    named = await people.named(NORTH, [JONAS, MARA])
    assert [(each.standing, each.roles) for each in named.values()] == [("invited", ("responder",))]
    assert list(named.values()) == await people.page(NORTH)
    assert await people.page(NORTH, after=JONAS) == []
    assert await people.named(SOUTH, [JONAS]) == {}


@pytest.mark.usefixtures("answers_come")
async def test_a_position_that_is_shown_is_not_waited_for(reader: Reader) -> None:
    assert await Positions(reader).wait_for(NORTH, 4, bound_s=0) == Applied(4, stale=False)


@pytest.mark.usefixtures("answers_come")
async def test_past_its_bound_a_wait_says_what_is_shown(reader: Reader) -> None:
    assert await Positions(reader).wait_for(NORTH, 5, bound_s=0.01) == Applied(4, stale=True)


async def test_a_silent_database_makes_a_wait_no_longer_than_its_bound(
    database: Database,
) -> None:
    async with open_pool(database.conninfo("tallystick_app"), size=2) as pool:
        positions = Positions(Reader(pool))
        await pool.wait()
        async with pool.connection() as connection:
            silent = connection.info.backend_pid
        with paused(silent):
            async with awake() as passed_s:
                assert await positions.wait_for(NORTH, 4, bound_s=0.3) == Applied(0, stale=True)
                assert passed_s() < 3
            # Who comes next asks anew, and waits for nobody's old question.
            assert await positions.wait_for(NORTH, 4, bound_s=20) == Applied(4, stale=False)


async def test_whoever_waits_sees_his_own_event(reader: Reader, show: Show, story: Story) -> None:
    positions = Positions(reader)
    waiting = [asyncio.create_task(positions.wait_for(NORTH, 5, bound_s=30)) for _ in range(20)]
    story.tell("forklift", IncidentAcknowledged())
    await asyncio.to_thread(show, story)
    assert await asyncio.gather(*waiting) == [Applied(5, stale=False)] * 20


@pytest.mark.usefixtures("answers_come")
async def test_a_position_that_was_seen_shown_is_not_asked_for_again(
    reader: Reader, database: Database
) -> None:
    positions = Positions(reader)
    positions.trust(1)
    assert await positions.wait_for(NORTH, 3, bound_s=0) == Applied(4, stale=False)
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as admin:
        admin.execute("DELETE FROM projections.changes_v1")
    assert await positions.wait_for(NORTH, 4, bound_s=0) == Applied(4, stale=False)
    assert await positions.wait_for(NORTH, 5, bound_s=0) == Applied(0, stale=True)
    assert await positions.wait_for(SOUTH, 1, bound_s=0) == Applied(0, stale=True)


@pytest.mark.usefixtures("answers_come")
async def test_of_a_log_that_may_be_another_no_position_is_remembered(
    reader: Reader, database: Database
) -> None:
    positions = Positions(reader)
    positions.trust(1)
    assert await positions.wait_for(NORTH, 4, bound_s=0) == Applied(4, stale=False)
    positions.distrust()
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as admin:
        admin.execute("DELETE FROM projections.changes_v1 WHERE tenant_position > 3")
        assert await positions.wait_for(NORTH, 4, bound_s=0) == Applied(3, stale=True)
        # The log is in its second epoch, and the projector has not gone back yet.
        positions.trust(2)
        assert await positions.wait_for(NORTH, 3, bound_s=0) == Applied(3, stale=False)
        admin.execute("DELETE FROM projections.changes_v1 WHERE tenant_position > 2")
    assert await positions.wait_for(NORTH, 3, bound_s=0) == Applied(2, stale=True)
