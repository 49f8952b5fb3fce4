"""Back to an earlier position, in one transaction with the checkpoint."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from projections.catalog import CATALOG
from projections.engine import log as log_module
from projections.engine.catalog import Catalog
from projections.engine.checkpoint import Lease, LostLease, applied
from projections.engine.log import Connection, LogEnd
from projections.engine.projection import Row
from projections.engine.projector import Projector
from projections.engine.rewinding import rewind
from projections.engine.sending import Sender
from projections.engine.writing import Writer
from projections.incident.tables import INCIDENT
from tests.projections.conftest import Connect
from tests.projections.story import write_log
from tests.projections.test_projector import (
    FIRST,
    SECOND,
    catch_up,
    projector,
    start_again,
    tables,
    told,
)
from write_model.kernel.messages import Recorded


def test_who_does_not_hold_the_lease_takes_nothing_back(log: Connection, connect: Connect) -> None:
    write_log(log, told().events)
    catch_up(projector(connect("tallystick_tailer")))
    before = tables(log)
    other = connect("tallystick_tailer")
    writer = Writer(other, {table.name: table for table in CATALOG.tables()})
    end = LogEnd(position=8, epoch=2, kept=8)
    with pytest.raises(LostLease):
        rewind(Sender(other), writer, CATALOG, Lease(SECOND), since=13, to=8, end=end)
    assert tables(log) == before


def test_who_does_not_know_the_present_tables_takes_nothing_back(
    log: Connection, connect: Connect
) -> None:
    write_log(log, told().events)
    catch_up(projector(connect("tallystick_tailer")))
    before = tables(log)
    other = connect("tallystick_tailer")
    writer = Writer(other, {table.name: table for table in CATALOG.tables()})
    log.execute("UPDATE projections.checkpoint SET layout = layout + 1")
    end = LogEnd(position=8, epoch=2, kept=8)
    with pytest.raises(LostLease):
        rewind(Sender(other), writer, CATALOG, Lease(FIRST), since=13, to=8, end=end)
    assert tables(log) == before


def restore(log: Connection, *, epoch: int, at: int) -> None:
    """The log lost what stood from a position on, which is given out again under a new epoch."""
    log.execute("SET session_replication_role = replica")
    log.execute("DELETE FROM log.events WHERE notification_id >= %s", (at,))
    log.execute("INSERT INTO log.epochs VALUES (%s, %s, now(), 'restored')", (epoch, at))


def test_going_back_may_take_longer_than_a_lease_and_nobody_else_begins_it(
    log: Connection, connect: Connect
) -> None:
    write_log(log, told().events)
    catch_up(projector(connect("tallystick_tailer")))
    restore(log, epoch=2, at=9)

    def fold(row: Row | None, recorded: Recorded) -> Row:
        time.sleep(0.01)
        free = log.execute("SELECT FROM projections.checkpoint FOR UPDATE SKIP LOCKED").fetchall()
        assert not free
        return INCIDENT.fold(row, recorded)

    slow = Catalog((replace(INCIDENT, fold=fold), *CATALOG.projections[1:]))
    lease = Lease(FIRST, lasts=timedelta(milliseconds=2))
    one = Projector(connect("tallystick_tailer"), slow, lease)
    log.execute("UPDATE projections.checkpoint SET expires_at = '-infinity'")
    one.step()
    assert one.position == 8


def test_whose_lease_is_lost_while_he_goes_back_stands_by(
    log: Connection, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_log(log, told().events)
    one = projector(connect("tallystick_tailer"))
    catch_up(one)
    restore(log, epoch=2, at=9)

    def log_end(connection: Connection, **known: int) -> LogEnd:
        log.execute("UPDATE projections.checkpoint SET holder = %s", (SECOND,))
        return log_module.log_end(connection, **known)

    monkeypatch.setattr("projections.engine.projector.log_end", log_end)
    one.keep()
    assert one.position is None


def test_where_nothing_was_lost_no_table_is_searched(log: Connection, connect: Connect) -> None:
    write_log(log, told().events)
    tailer = connect("tallystick_tailer")
    one = projector(tailer)
    catch_up(one)
    restore(log, epoch=2, at=14)
    tailer.execute("SET lock_timeout = '1s'")
    with log.transaction():
        log.execute("LOCK projections.incident_v1")
        one.keep()
    assert one.position == 13


def test_events_from_before_the_branch_do_not_set_the_epoch_back(
    log: Connection, connect: Connect
) -> None:
    write_log(log, told().events)
    one = projector(connect("tallystick_tailer"), batch=3)
    one.step()
    restore(log, epoch=2, at=9)
    one.keep()
    one.step()
    assert (one.position, applied(log)) == (6, (6, 2))


def test_a_branch_that_was_lost_while_nobody_looked_is_not_shown_either(
    log: Connection, connect: Connect
) -> None:
    story = told()
    write_log(log, story.events)
    one = projector(connect("tallystick_tailer"))
    catch_up(one)
    restore(log, epoch=2, at=6)
    assert log_module.log_end(log, known=1).kept == 5
    anew = [
        recorded._replace(epoch=2, occurred_at=recorded.occurred_at + timedelta(hours=1))
        for recorded in story.events[5:]
    ]
    write_log(log, anew)
    restore(log, epoch=3, at=12)
    write_log(log, [recorded._replace(epoch=3) for recorded in anew[6:]])
    one.keep()
    assert one.position == 5
    catch_up(one)
    live = tables(log)
    start_again(log)
    catch_up(projector(connect("tallystick_tailer")))
    assert tables(log) == live
