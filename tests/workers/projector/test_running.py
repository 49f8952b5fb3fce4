"""The projector's process: follows the log, survives its database, and stops when told."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from projections.catalog import CATALOG
from projections.engine.catalog import Catalog
from projections.engine.checkpoint import Lag, lag
from projections.engine.log import Connection
from tests.embedded import Database
from tests.projections.story import Story, write_log
from tests.projections.test_incident_document import DECLARED
from workers.projector.running import run
from write_model.incident.events import IncidentAcknowledged, NoteAdded
from write_model.kernel.ids import new_id
from write_model.kernel.settings import Settings


@contextlib.contextmanager
def running(database: Database, catalog: Catalog = CATALOG) -> Generator[threading.Event]:
    stop = threading.Event()
    conninfo = database.conninfo("tallystick_tailer")
    work = partial(run, conninfo, holder=new_id(), stop=stop, catalog=catalog)
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(timeout=10)


@pytest.fixture
def admin(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as connection:
        yield connection


def until(connection: Connection, true: Callable[[Lag], bool]) -> Lag:
    """The lag as soon as something is true of it; fails after 20 s."""
    deadline = time.monotonic() + 20
    while not true(found := lag(connection)):
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    return found


def test_what_is_recorded_is_shown_and_a_lost_connection_is_made_again(
    database: Database, admin: Connection
) -> None:
    story = Story()
    with capture_logs(), running(database):  # else drawing the traceback takes seconds
        story.tell("forklift", DECLARED)
        write_log(admin, story.events)
        until(admin, lambda found: found.position == 1)
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE usename = 'tallystick_tailer' AND datname = %s",
            (database.name,),
        )
        write_log(admin, [story.tell("forklift", IncidentAcknowledged())])
        assert until(admin, lambda found: found.position == 2).held
    assert not lag(admin).held


def test_trouble_that_is_over_makes_no_later_pause_longer(
    database: Database, admin: Connection
) -> None:
    story = Story()
    story.tell("forklift", DECLARED)
    write_log(admin, story.events)
    with capture_logs() as logs, running(database):
        until(admin, partial(has_reached, 1))
        for position in (2, 3, 4):
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE usename = 'tallystick_tailer' AND datname = %s",
                (database.name,),
            )
            write_log(admin, [story.tell("forklift", NoteAdded(note=new_id(), text="Sawdust."))])
            until(admin, partial(has_reached, position))
    assert set(stumbled(logs)) == {0.1}


def has_reached(position: int, found: Lag) -> bool:
    return found.position == position


def stumbled(logs: Sequence[Mapping[str, Any]]) -> list[float]:
    """How long each pause was to be."""
    return [each["again_in_s"] for each in logs if each["event"] == "projector.stumbled"]


def test_an_idle_projector_keeps_its_lease_and_a_second_one_stands_by(
    database: Database, admin: Connection
) -> None:
    with running(database), running(database):
        until(admin, lambda found: found.held)
        [first] = admin.execute("SELECT expires_at FROM projections.checkpoint").fetchall()
        deadline = time.monotonic() + 20
        while admin.execute("SELECT expires_at FROM projections.checkpoint").fetchall() == [first]:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_the_process_stops_at_once_when_told(settings: Settings, admin: Connection) -> None:
    environment = {
        **os.environ,
        "TALLYSTICK_HOME": str(settings.home),
        "TALLYSTICK_SOCKET_FOLDER": str(settings.socket_folder),
        "TALLYSTICK_DATABASE_NAME": settings.database_name,
    }
    argv = [sys.executable, "-m", "workers.projector"]
    root = Path(__file__).parents[3]
    with subprocess.Popen(argv, env=environment, cwd=root) as process:
        until(admin, lambda found: found.held)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0
    assert not lag(admin).held
