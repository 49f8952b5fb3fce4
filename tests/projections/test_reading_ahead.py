"""The next batch is made ready while one is being written: believed only if that one was."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from projections.catalog import CATALOG
from projections.engine.catalog import Catalog
from projections.engine.checkpoint import Lease, lag, pause, resume
from projections.engine.log import Connection
from projections.engine.projection import EVERY_HEADER, Additions, Header, TableSpec, Values
from projections.engine.projector import Projector
from projections.engine.transition import Transition
from projections.incident.tables import INCIDENT
from tests.embedded import until
from tests.projections.conftest import Connect
from tests.projections.story import SOUTH, Story, stream, write_log
from tests.projections.test_incident_document import DECLARED
from tests.projections.test_projector import (
    FIRST,
    SECOND,
    catch_up,
    one_value,
    projector,
    start_again,
    tables,
    told,
)
from write_model.incident.events import IncidentAcknowledged, IncidentAssigned, NoteAdded
from write_model.kernel.errors import HoleInLog
from write_model.kernel.ids import derived_id

BATCH = 3
FEW_HEADERS: tuple[Header, ...] = ("tenant", "actor", "command", "recorded_at", "occurred_at")
"""All that the document of an incident uses beside its number."""


def ahead(connection: Connection, *, meanwhile: Callable[[], object]) -> Projector:
    """Batches of three; `meanwhile` is done once, when the fifth event is folded.

    The first three have been sent then, and the answer has not been taken.
    """
    left = [meanwhile]

    def rows(transition: Transition) -> tuple[Values, ...]:
        if transition.recorded.position == BATCH + 2 and left:
            left.pop()()
        return ()

    hook = Additions("meanwhile", 1, TableSpec("meanwhile", (), is_keyed=False), rows)
    lease = Lease(FIRST, lasts=timedelta(seconds=60))
    catalog = Catalog((*CATALOG.projections, hook))
    return Projector(connection, catalog, lease, batch_events=BATCH)


def position(log: Connection) -> int:
    found: int = one_value(log, "SELECT position FROM projections.checkpoint")
    return found


def written(log: Connection) -> None:
    until(lambda: position(log) == BATCH, "the first batch is written")


def waits_for_a_lock(log: Connection, of: Connection) -> None:
    blocked = "SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted"
    until(lambda: one_value(log, blocked, of.info.backend_pid) == 1, "the write waits")


def lose_the_answer(connection: Connection) -> None:
    """The server has answered, but nothing of it arrives any more."""
    with socket.socket(
        socket.AF_UNIX, socket.SOCK_STREAM, fileno=os.dup(connection.fileno())
    ) as other_end:
        other_end.shutdown(socket.SHUT_RDWR)
        while other_end.recv(65_536):
            pass


def in_one_batch(log: Connection, connect: Connect) -> dict[str, list[Any]]:
    """What the log looks like when it is projected at once; then everything is forgotten."""
    start_again(log)
    catch_up(projector(connect("tallystick_tailer")))
    found = tables(log)
    start_again(log)
    return found


@pytest.fixture
def at_once(log: Connection, connect: Connect) -> dict[str, list[Any]]:
    write_log(log, told().events)
    return in_one_batch(log, connect)


def test_a_batch_whose_answer_was_lost_is_not_applied_again(
    log: Connection, connect: Connect, at_once: dict[str, list[Any]]
) -> None:
    tailer = connect("tallystick_tailer")

    def cut() -> None:
        written(log)
        lose_the_answer(tailer)

    with pytest.raises(psycopg.OperationalError):
        ahead(tailer, meanwhile=cut).step()
    assert position(log) == BATCH
    assert catch_up(projector(connect("tallystick_tailer"), batch=BATCH)) == 13 - BATCH
    assert tables(log) == at_once


def test_a_batch_that_was_cut_off_before_it_was_written_is_applied_by_the_next(
    log: Connection, connect: Connect
) -> None:
    tailer, other = connect("tallystick_tailer"), connect("postgres")

    def kill() -> None:
        waits_for_a_lock(log, tailer)
        log.execute("SELECT pg_terminate_backend(%s, 5000)", (tailer.info.backend_pid,))

    one = ahead(tailer, meanwhile=kill)
    assert one.step() == 0  # it holds the lease now
    write_log(log, told().events)
    other.execute("BEGIN")
    other.execute("SELECT FROM projections.checkpoint FOR UPDATE")
    with pytest.raises(psycopg.OperationalError):
        one.step()
    other.execute("ROLLBACK")
    assert position(log) == 0
    assert catch_up(projector(connect("tallystick_tailer"), batch=BATCH)) == 13
    found = tables(log)
    assert found == in_one_batch(log, connect)


def test_a_lease_lost_after_a_batch_was_written_refuses_what_was_made_ready(
    log: Connection, connect: Connect, at_once: dict[str, list[Any]]
) -> None:
    second = projector(connect("tallystick_tailer"), SECOND, batch=BATCH)

    def take_over() -> None:
        written(log)
        log.execute("UPDATE projections.checkpoint SET expires_at = '-infinity'")
        assert second.step() == BATCH

    first = ahead(connect("tallystick_tailer"), meanwhile=take_over)
    assert first.step() == BATCH
    before = tables(log)
    assert first.step() == BATCH  # made ready, but refused
    assert (first.position, tables(log)) == (None, before)
    assert catch_up(first) == 0
    second.close()
    catch_up(first)
    assert tables(log) == at_once


def test_a_lease_lost_before_a_batch_was_written_leaves_nothing_of_it_behind(
    log: Connection, connect: Connect
) -> None:
    tailer, thief = connect("tallystick_tailer"), connect("postgres")

    def take_it_away() -> None:
        waits_for_a_lock(log, tailer)
        thief.execute("COMMIT")

    one = ahead(tailer, meanwhile=take_it_away)
    assert one.step() == 0  # it holds the lease now
    write_log(log, told().events)
    thief.execute("BEGIN")
    thief.execute("UPDATE projections.checkpoint SET expires_at = '-infinity'")
    assert one.step() == BATCH
    assert (one.position, position(log)) == (None, 0)
    assert not any(tables(log).values())
    assert catch_up(one) == 13
    found = tables(log)
    assert found == in_one_batch(log, connect)


def test_a_pause_refuses_what_was_made_ready_and_resuming_reads_it_again(
    log: Connection, connect: Connect, at_once: dict[str, list[Any]]
) -> None:
    def stop() -> None:
        written(log)
        pause(log)

    one = ahead(connect("tallystick_tailer"), meanwhile=stop)
    assert one.step() == BATCH
    before = tables(log)
    assert one.step() == BATCH  # made ready, but refused
    assert one.step() == 0
    assert (position(log), tables(log)) == (BATCH, before)
    resume(log)
    assert catch_up(one) == 13 - BATCH
    assert tables(log) == at_once


def test_a_fold_that_fails_ahead_parks_its_record_in_its_own_batch_and_others_go_on(
    log: Connection, connect: Connect
) -> None:
    write_log(log, told().events)
    log.execute("SET session_replication_role = replica")
    log.execute("UPDATE log.events SET state = '{\"person\": 7}' WHERE notification_id = 7")
    expected = in_one_batch(log, connect)
    one = projector(connect("tallystick_tailer"), batch=BATCH)
    assert (one.step(), one.step(), one.position) == (3, 3, 6)
    assert lag(log).parked == 0
    assert (one.step(), one.position) == (3, 9)
    assert lag(log).parked == 1
    catch_up(one)
    assert tables(log) == expected
    letters = log.execute("SELECT position FROM projections.dead_letters ORDER BY 1").fetchall()
    assert letters == [(7,), (9,), (10,), (11,)]


def test_what_was_made_ready_on_a_batch_that_a_table_refused_is_not_believed(
    log: Connection, connect: Connect
) -> None:
    story = Story()
    story.tell("crane", DECLARED, tenant=SOUTH)
    story.tell("crane", IncidentAssigned(team="No such\x00team"), tenant=SOUTH)
    story.tell("forklift", DECLARED)
    story.tell("crane", IncidentAcknowledged(), tenant=SOUTH)
    story.tell("forklift", IncidentAcknowledged())
    write_log(log, story.events)
    one = projector(connect("tallystick_tailer"), batch=BATCH)
    assert (one.step(), one.step()) == (3, 2)
    letters = log.execute("SELECT position FROM projections.dead_letters ORDER BY 1").fetchall()
    assert letters == [(2,), (4,)]
    shown: dict[UUID, str] = dict(
        log.execute("SELECT id, status FROM projections.incident_list_v1").fetchall()
    )
    assert shown == {stream("crane"): "open", stream("forklift"): "in_progress"}


def restored(log: Connection, lost_from: int) -> Story:
    """The log without what stood from a position on, under a new epoch; to be told further."""
    log.execute("SET session_replication_role = replica")
    log.execute("DELETE FROM log.events WHERE notification_id >= %s", (lost_from,))
    log.execute(
        "INSERT INTO log.epochs (epoch, first_position, reason) VALUES (2, %s, 'restored')",
        (lost_from,),
    )
    branch = told()
    del branch.events[lost_from - 1 :]
    branch.epoch = 2
    return branch


@pytest.mark.parametrize("lost_from", [5, 7])
def test_a_log_restored_since_it_was_read_ahead_is_read_again(
    log: Connection, connect: Connect, lost_from: int
) -> None:
    story = told()
    write_log(log, story.events)
    one = projector(connect("tallystick_tailer"), batch=BATCH)
    assert one.step() == BATCH  # 4 to 6 are made ready, 7 to 9 are read
    branch = restored(log, lost_from)
    for name in ("forklift", "crane", "forklift", "press", "crane"):
        branch.tell(
            name, NoteAdded(note=FIRST, text="Another branch") if name != "press" else DECLARED
        )
    write_log(log, branch.events[lost_from - 1 :])
    catch_up(one)
    found = tables(log)
    assert one.position == lost_from + 4
    assert found == in_one_batch(log, connect)


def test_a_log_restored_below_the_checkpoint_is_not_followed_from_there(
    log: Connection, connect: Connect
) -> None:
    """The branch has grown past the checkpoint before the projector asked how the log stands."""
    story = told()
    write_log(log, story.events)
    one = projector(connect("tallystick_tailer"), batch=BATCH)
    catch_up(one)
    lost_from = len(story.events) - 1
    branch = restored(log, lost_from)
    for _ in range(2 * BATCH):
        branch.tell("forklift", NoteAdded(note=FIRST, text="Another branch"))
    write_log(log, branch.events[lost_from - 1 :])
    catch_up(one)
    found = tables(log)
    assert one.position == len(branch.events)
    assert found == in_one_batch(log, connect)


def test_what_was_read_ahead_without_the_headers_that_letters_show_is_parked_with_them(
    log: Connection, connect: Connect
) -> None:
    story = told()
    for number in range(3 * BATCH):
        note = NoteAdded(note=derived_id("note", number), text="It drips")
        story.tell("forklift" if number % 2 else "crane", note)
    write_log(log, story.events)
    log.execute("SET session_replication_role = replica")
    log.execute("UPDATE log.events SET state = '[]' WHERE notification_id IN (11, 17)")
    letters: list[object] = []
    for headers in (EVERY_HEADER, FEW_HEADERS):
        start_again(log)
        incident = replace(INCIDENT, headers=headers, values_headers=headers)
        lease = Lease(FIRST, lasts=timedelta(seconds=60))
        catch_up(Projector(connect("tallystick_tailer"), Catalog((incident,)), lease, BATCH))
        query = "SELECT * FROM projections.dead_letters ORDER BY position"
        letters.append(log.execute(query).fetchall())
    assert letters[0]
    assert letters[0] == letters[1]


@pytest.mark.parametrize(("hole", "before"), [(5, 3), (8, 6)])
def test_a_hole_found_ahead_stops_the_projector_in_the_batch_that_has_it(
    log: Connection, connect: Connect, hole: int, before: int
) -> None:
    write_log(log, [recorded for recorded in told().events if recorded.position != hole])
    one = projector(connect("tallystick_tailer"), batch=BATCH)
    with pytest.raises(HoleInLog) as found:
        catch_up(one)
    assert found.value.position == hole
    assert (one.position, position(log)) == (before, before)
