"""The worker's process does what was asked for, whatever becomes of it meanwhile."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator
from dataclasses import replace

import psycopg
import pytest

from projections.catalog import CATALOG
from projections.engine.catalog import Catalog
from projections.engine.log import Connection
from projections.engine.projection import Row
from projections.incident.tables import INCIDENT
from tests.embedded import Database, until
from tests.projections.story import write_log
from tests.projections.test_projector import catch_up, projector, told
from tests.projections.test_rebuilding import shown
from tests.projections.test_requests import asked_for, states
from workers.rebuilding.asked import carry_out_next, run
from write_model.kernel.messages import Recorded
from write_model.kernel.settings import TAILER


@contextlib.contextmanager
def working(database: Database, catalog: Catalog = CATALOG) -> Generator[threading.Event]:
    stop, conninfo = threading.Event(), database.conninfo(TAILER)
    given = {"stop": stop, "catalog": catalog}
    thread = threading.Thread(target=run, args=(conninfo,), kwargs=given)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(timeout=10)


@pytest.fixture
def admin(database: Database) -> Generator[Connection]:
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as connection:
        write_log(connection, told().events)
        with psycopg.connect(database.conninfo(TAILER), autocommit=True) as tailer:
            catch_up(projector(tailer))
        yield connection


def test_those_who_asked_are_served_in_turn(database: Database, admin: Connection) -> None:
    asked = [asked_for(admin, "incident"), asked_for(admin, "people")]
    with working(database):
        until(lambda: states(admin)[asked[1]][0] == "done", "both are rebuilt")
    assert states(admin) == dict.fromkeys(asked, ("done", None))


def test_one_that_fails_does_not_keep_the_next_from_its_turn(
    database: Database, admin: Connection
) -> None:
    wrong, right = asked_for(admin, "weather"), asked_for(admin, "incident")
    with working(database):
        until(lambda: states(admin)[right][0] == "done", "the next is rebuilt")
    assert states(admin)[wrong] == ("failed", "KeyError")


def test_counts_that_wait_since_a_mending_was_killed_are_made_anew_at_the_start(
    database: Database, admin: Connection
) -> None:
    right = shown(admin)
    admin.execute("DELETE FROM projections.incident_counts_v1")
    admin.execute("INSERT INTO projections.recounts VALUES ('incident_counts')")
    with working(database):
        until(lambda: shown(admin) == right, "they are right")
    assert admin.execute("SELECT count(*) FROM projections.recounts").fetchall() == [(0,)]


def test_one_that_is_stopped_waits_for_the_next_start(
    database: Database, admin: Connection
) -> None:
    began = threading.Event()

    def fold(row: Row | None, recorded: Recorded) -> Row:
        began.set()
        assert stop.wait(20)
        return INCIDENT.fold(row, recorded)

    others = (each for each in CATALOG.projections if each is not INCIDENT)
    slowly = Catalog((replace(INCIDENT, fold=fold), *others))
    id_ = asked_for(admin, "incident")
    with working(database, slowly) as stop:
        assert began.wait(20)
    assert states(admin)[id_] == ("waiting", None)
    with working(database):
        until(lambda: states(admin)[id_][0] == "done", "it is rebuilt")


def test_while_another_release_is_shown_who_asked_waits_for_it(
    database: Database, admin: Connection
) -> None:
    admin.execute("UPDATE projections.current SET version = 9 WHERE name = 'changes'")
    id_, stop = asked_for(admin, "incident"), threading.Event()
    conninfo = database.conninfo(TAILER)
    with psycopg.connect(conninfo, autocommit=True) as tailer:
        carry_out_next(conninfo, tailer, CATALOG, stop)
        assert states(admin) == {id_: ("waiting", None)}
        admin.execute("UPDATE projections.current SET version = 1 WHERE name = 'changes'")
        carry_out_next(conninfo, tailer, CATALOG, stop)
    assert states(admin) == {id_: ("done", None)}
