"""What the library's callers meet that its own suites do not ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from threading import Timer
from typing import Any
from uuid import UUID

import psycopg
import pytest
from eventsourcing.persistence import (
    DataError,
    InfrastructureFactoryError,
    IntegrityError,
    JSONTranscoder,
    OperationalError,
    StoredEvent,
    Tracking,
)

from tests.embedded import Database
from tests.write_model.incident.forklift import DECLARED
from tests.write_model.kernel.store.writing import JONAS, MARA, NORTH
from write_model.kernel.errors import HoleInLog, Overloaded
from write_model.kernel.ids import new_id
from write_model.kernel.messages import Recorded
from write_model.kernel.settings import APP, TAILER
from write_model.kernel.store.factory import Factory
from write_model.kernel.store.mapper import EventMapper
from write_model.kernel.store.recorded_event import RecordedEvent
from write_model.kernel.store.recorder import in_the_librarys_words
from write_model.kernel.store.tracking import LogProcessRecorder

Connection = psycopg.Connection[Any]
MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def factory(database: Database) -> Iterator[Factory]:
    env = {Factory.WRITER: database.conninfo(APP), Factory.READER: database.conninfo(TAILER)}
    with closing(Factory(env)) as factory:
        yield factory


@pytest.fixture
def recorder(factory: Factory) -> LogProcessRecorder:
    recorder = factory.process_recorder()
    assert isinstance(recorder, LogProcessRecorder)
    return recorder


def leak(
    stream: UUID | None = None, version: int = 1, topic: str = "forklift.leaked"
) -> StoredEvent:
    return StoredEvent(stream or new_id(), version, topic, b"{}")


def test_a_factory_must_be_told_where_the_log_is() -> None:
    with pytest.raises(InfrastructureFactoryError, match="TALLYSTICK_WRITER_CONNINFO"):
        Factory({})


def test_every_purpose_but_snapshots_is_the_log(factory: Factory) -> None:
    factory.aggregate_recorder().insert_events([leak()])
    assert factory.application_recorder().max_notification_id() == 1


async def test_events_are_inserted_by_whoever_awaits_too(recorder: LogProcessRecorder) -> None:
    stream = new_id()
    assert await recorder.ainsert_events([leak(stream), leak(stream, 2)]) == [1, 2]
    with pytest.raises(IntegrityError):
        await recorder.ainsert_events([leak(stream)])


def test_what_cannot_be_stored_is_said_in_the_librarys_words(
    recorder: LogProcessRecorder,
) -> None:
    with pytest.raises(DataError):
        recorder.insert_events([leak(topic="\0")])
    with pytest.raises(DataError):
        recorder.insert_events([leak(topic="\0")], tracking=Tracking("policies", 1))
    assert recorder.max_tracking_id("policies") is None
    assert isinstance(in_the_librarys_words(Overloaded()), OperationalError)


def test_an_append_that_fails_is_said_in_the_librarys_words(
    recorder: LogProcessRecorder, superuser: Connection
) -> None:
    superuser.execute("ALTER FUNCTION log.append RENAME TO gone")
    with pytest.raises(OperationalError):
        recorder.insert_events([leak()], tracking=Tracking("policies", 1))


def test_without_events_nothing_is_appended(recorder: LogProcessRecorder) -> None:
    assert recorder.insert_events([]) == []
    assert recorder.max_notification_id() is None


def test_a_conflict_moves_no_follower(recorder: LogProcessRecorder) -> None:
    with pytest.raises(IntegrityError):
        recorder.insert_events([leak(version=7)], tracking=Tracking("policies", 1))
    assert recorder.max_tracking_id("policies") is None


def test_a_follower_that_decides_nothing_moves_on(recorder: LogProcessRecorder) -> None:
    assert recorder.insert_events([], tracking=Tracking("policies", 1)) == []
    assert recorder.max_tracking_id("policies") == 1


def test_two_followers_at_one_position_do_not_both_move(
    recorder: LogProcessRecorder, database: Database
) -> None:
    with psycopg.connect(database.conninfo(APP)) as other:
        other.execute("INSERT INTO log.tracking VALUES ('policies', 1)")
        timer = Timer(0.2, other.commit)
        timer.start()
        with pytest.raises(IntegrityError):
            recorder.insert_tracking(Tracking("policies", 1))
        timer.join()


def test_a_hole_stops_who_follows(recorder: LogProcessRecorder, superuser: Connection) -> None:
    for _ in range(3):
        recorder.insert_events([leak()])
    with superuser.transaction():
        superuser.execute("SET LOCAL session_replication_role = replica")
        superuser.execute("DELETE FROM log.events WHERE notification_id = 2")
    with pytest.raises(HoleInLog):
        recorder.select_notifications(1, 10)
    with pytest.raises(HoleInLog):
        next(recorder.subscribe())


def test_a_subscription_waits_for_the_next_event(recorder: LogProcessRecorder) -> None:
    recorder.insert_events([leak()])
    with recorder.subscribe(gt=0) as subscription:
        assert next(subscription).id == 1
        timer = Timer(0.1, recorder.insert_events, [[leak()]])
        timer.start()
        assert next(subscription).id == 2
        timer.join()
        stopping = Timer(0.1, subscription.stop)
        stopping.start()
        assert list(subscription) == []
        stopping.join()


def test_a_subscription_may_ask_for_topics(recorder: LogProcessRecorder) -> None:
    for topic in ("forklift.leaked", "forklift.repaired", "forklift.leaked"):
        recorder.insert_events([leak(topic=topic)])
    with recorder.subscribe(topics=["forklift.leaked"]) as subscription:
        assert [next(subscription).id for _ in range(2)] == [1, 3]


def test_events_with_headers_keep_them(recorder: LogProcessRecorder, superuser: Connection) -> None:
    command = new_id()
    recorder.insert_events(
        [RecordedEvent(new_id(), 1, "forklift.leaked", b"{}", tenant=NORTH, command=command)]
    )
    found = superuser.execute("SELECT tenant_id, command_id FROM log.events").fetchone()
    assert found == (NORTH, command)


def test_an_event_is_stored_and_comes_back_with_its_headers() -> None:
    stream, command = new_id(), new_id()
    recorded = Recorded(
        event=DECLARED,
        topic=DECLARED.topic,
        stream=stream,
        version=1,
        position=1,
        epoch=1,
        tenant=NORTH,
        tenant_position=1,
        number=1,
        actor=MARA,
        command=command,
        correlation=command,
        causation=JONAS,
        recorded_at=MONDAY,
        occurred_at=MONDAY,
        source="api",
        schema_version=1,
    )
    mapper = EventMapper(JSONTranscoder())
    stored = mapper.to_stored_event(recorded)
    assert (stored.originator_id, stored.originator_version) == (stream, 1)
    assert (stored.tenant, stored.actor, stored.causation) == (NORTH, MARA, JONAS)
    assert mapper.to_domain_event(stored) == DECLARED
    bare = StoredEvent(stream, 1, stored.topic, stored.state)
    assert mapper.to_domain_event(bare) == DECLARED
