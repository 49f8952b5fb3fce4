"""`tallystick doctor` finds a sound installation sound, and names each thing that is broken."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from typer.testing import CliRunner

from api.command_line.app import app
from projections.engine.checkpoint import Lease, lag
from read_model.migrating import migrate
from tests.embedded import (
    LOGIN_ROLES,
    Database,
    Server,
    memory_with_room,
    password,
    private_folder,
    running_postgres,
    until,
)
from tests.projections.story import SOUTH, Story, write_log
from tests.projections.test_incident_document import DECLARED
from tests.workers.projector.test_running import running
from workers.doctor import log as looking_at_the_log
from workers.doctor.examining import examined
from workers.doctor.home import look_at_home
from workers.doctor.server import clocks_apart_s
from workers.embedded.account import service_account
from write_model.incident.events import IncidentAcknowledged
from write_model.kernel.settings import Settings

Examination = dict[str, tuple[str, str]]
"""What is wrong: what it is about -> what was found, and what to do."""

EVENTS = 4
PARKED: LiteralString = (
    "INSERT INTO projections.dead_letters SELECT originator_id, 1, tenant_id, 1, 1, topic, 'bad'"
    " FROM log.events WHERE notification_id = 1"
)
OPEN_TABLE: LiteralString = (
    "CREATE TABLE projections.notes (tenant_id uuid);"
    " GRANT SELECT ON projections.notes TO tallystick_app"
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    """One that keeps what it confirms, as the product's does and the other tests' does not."""
    prepare = partial(migrate, passwords={role: password(role) for role in LOGIN_ROLES})
    where = memory_with_room()
    with (
        private_folder() as folder,
        running_postgres(folder, prepare, durable=True, data_within=where) as server,
    ):
        yield server


@pytest.fixture
def slow_is_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the cache nor the projector is missed where a machine stands still for seconds."""
    monkeypatch.setattr("workers.doctor.beside._ANSWER_S", 20.0)
    lasting = partial(Lease, lasts=timedelta(seconds=60))
    monkeypatch.setattr("workers.projector.running.Lease", lasting)


@pytest.fixture
def sound(
    settings: Settings, database: Database, valkey: str, slow_is_sound: None
) -> Iterator[Settings]:
    """An installation in which two organizations have done something and all of it is shown."""
    settings = settings.model_copy(update={"redis_url": valkey})
    settings.home.chmod(0o700)
    (settings.home / "secrets").chmod(0o600)
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as admin:
        write_log(admin, told())
        with running(database):
            until(lambda: lag(admin).position == EVENTS, "all is shown")
            yield settings


def told() -> list[Any]:
    story = Story()
    story.tell("forklift", DECLARED)
    story.tell("forklift", IncidentAcknowledged())
    story.tell("crane", DECLARED, tenant=SOUTH)
    story.tell("crane", IncidentAcknowledged(), tenant=SOUTH)
    return story.events


def wrong_in(settings: Settings, *, whole_log: bool = False) -> Examination:
    found = examined(settings, whole_log=whole_log)
    return {each.about: (each.found, each.advice) for each in found if not each.is_well}


def breaks(database: Database, statement: LiteralString) -> None:
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(statement)


def test_nothing_is_wrong_with_a_sound_installation(sound: Settings) -> None:
    assert wrong_in(sound) == {}
    assert wrong_in(sound, whole_log=True) == {}


@pytest.mark.parametrize(
    ("statement", "about", "found", "advice"),
    [
        (
            "DELETE FROM log.events WHERE notification_id = 2",
            "log",
            "position 2 is missing",
            "Every reader stops there.",
        ),
        (
            "DELETE FROM log.events WHERE notification_id = 1",
            "log",
            "position 1 is missing",
            "restore a backup",
        ),
        (
            "UPDATE log.events SET tenant_position = 7 WHERE notification_id = 4",
            "organizations' positions",
            f"position 2 of organization {SOUTH} is missing",
            "restore a backup",
        ),
        (
            "INSERT INTO log.epochs VALUES (2, 9, now(), 'ahead of the log')",
            "epochs",
            "2 branches out of order",
            "Restore log.epochs",
        ),
        (
            "UPDATE log.events SET epoch = 2 WHERE notification_id = 3",
            "epochs",
            "position 3 has another branch's epoch",
            "restore a backup",
        ),
        (
            "UPDATE projections.checkpoint SET epoch = 3",
            "shown branch",
            "epoch 3 of 1",
            "Let a projector",
        ),
        (
            "UPDATE projections.current SET version = 9 WHERE name = 'changes'",
            "projections",
            "changes is shown in version 9",
            "rebuild --all",
        ),
        (
            "UPDATE projections.checkpoint SET paused = true",
            "projector",
            "paused",
            "tallystick projections resume",
        ),
        (
            PARKED,
            "dead letters",
            "1 records are parked",
            "tallystick dead-letters list",
        ),
        (
            "ALTER TABLE projections.incident_v1 DISABLE ROW LEVEL SECURITY",
            "row security",
            "open: projections.incident_v1",
            "Stop the api",
        ),
        (
            "CREATE POLICY all_of_it ON access.access_log FOR SELECT USING (true)",
            "row security",
            "open: access.access_log",
            "Stop the api",
        ),
        (
            "ALTER TABLE log.events NO FORCE ROW LEVEL SECURITY",
            "row security",
            "open: log.events",
            "FORCE",
        ),
        (
            OPEN_TABLE,
            "row security",
            "open: projections.notes",
            "ENABLE ROW LEVEL SECURITY",
        ),
        (
            "GRANT UPDATE ON log.events TO tallystick_app",
            "grants",
            "may change events past its function",
            "read_model/migrations",
        ),
        (
            "REVOKE EXECUTE ON FUNCTION log.append FROM tallystick_app",
            "grants",
            "may not append",
            "read_model/migrations",
        ),
        (
            "UPDATE migrations.applied SET checksum = 'x' WHERE name = '0001_events.sql'",
            "migrations",
            "changed since they were run: 0001_events.sql",
            "Run the release",
        ),
        (
            "DELETE FROM migrations.applied WHERE name = '0001_events.sql'",
            "migrations",
            "not run yet: 0001_events.sql",
            "Start this release",
        ),
        (
            "INSERT INTO migrations.applied VALUES ('9999_later.sql', 'x', now())",
            "migrations",
            "unknown here: 9999_later.sql",
            "a newer release",
        ),
        (
            "DROP TABLE log.epochs CASCADE",
            "log",
            "could not be looked at",
            "Mend what it names",
        ),
    ],
)
def test_what_is_broken_is_found_with_what_to_do(
    sound: Settings,
    database: Database,
    statement: LiteralString,
    about: str,
    found: str,
    advice: str,
) -> None:
    breaks(database, statement)
    wrong = wrong_in(sound, whole_log=True)
    assert found in wrong[about][0]
    assert advice in wrong[about][1]


@pytest.mark.parametrize(
    ("statement", "mended", "about", "found"),
    [
        (
            "ALTER ROLE tallystick_app BYPASSRLS",
            "ALTER ROLE tallystick_app NOBYPASSRLS",
            "roles",
            "tallystick_app may do too much",
        ),
        (
            "ALTER ROLE tallystick_writer LOGIN",
            "ALTER ROLE tallystick_writer NOLOGIN",
            "roles",
            "tallystick_writer may do too much",
        ),
        (
            "GRANT tallystick_writer TO tallystick_app",
            "REVOKE tallystick_writer FROM tallystick_app",
            "grants",
            "may act as another role",
        ),
        (
            "ALTER ROLE tallystick_app SET synchronous_commit = off",
            "ALTER ROLE tallystick_app RESET synchronous_commit",
            "durability",
            "mend synchronous_commit=off for tallystick_app",
        ),
        (
            "ALTER ROLE tallystick_tailer SET synchronous_commit = off",
            "ALTER ROLE tallystick_tailer RESET synchronous_commit",
            "durability",
            "mend synchronous_commit, synchronous_commit=off for tallystick_tailer",
        ),
    ],
    ids=["bypasses", "logs in", "acts as", "may lose", "sees itself"],
)
def test_a_role_that_may_too_much_is_found(
    sound: Settings,
    database: Database,
    statement: LiteralString,
    mended: LiteralString,
    about: str,
    found: str,
) -> None:
    breaks(database, statement)
    try:
        assert found in " ".join(wrong_in(sound)[about])
    finally:
        breaks(database, mended)


def test_of_a_long_log_its_end_is_looked_at(
    sound: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking_at_the_log, "LATELY", 2)
    breaks(database, "DELETE FROM log.events WHERE notification_id = 1")
    assert "log" not in wrong_in(sound)
    assert "log" in wrong_in(sound, whole_log=True)
    breaks(database, "DELETE FROM log.events WHERE notification_id = 3")
    assert wrong_in(sound)["log"][0] == "position 3 is missing"


def test_a_projector_that_is_gone_is_missed(settings: Settings, valkey: str) -> None:
    found, advice = wrong_in(settings.model_copy(update={"redis_url": valkey}))["projector"]
    assert found.startswith("none is running")
    assert "tallystick up" in advice


def test_secrets_that_others_can_read_are_found(sound: Settings) -> None:
    (sound.home / "secrets").chmod(0o640)
    sound.home.chmod(0o755)
    wrong = wrong_in(sound)
    assert wrong.keys() == {"closed: home", "closed: secrets"}
    assert wrong["closed: secrets"][1].endswith(f"chmod go-rwx {sound.home / 'secrets'}")


def test_a_disk_without_room_is_found(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    [closed, room] = look_at_home(tmp_path, least_free_bytes=1 << 62)
    assert (closed.is_well, room.is_well) == (True, False)
    assert "make room" in room.advice


@pytest.mark.parametrize(("there", "apart_s"), [(10.5, 0), (8.0, 2.0), (13.0, 2.0)])
def test_clocks_are_apart_by_what_the_question_does_not_explain(
    there: float, apart_s: float
) -> None:
    assert clocks_apart_s(10.0, there, 11.0) == apart_s


def test_a_cache_that_is_not_there_is_missed(sound: Settings) -> None:
    gone = sound.model_copy(update={"redis_url": "unix:///nowhere/valkey.sock"})
    assert wrong_in(gone)["cache"][0].startswith("does not answer")


def test_an_api_that_is_not_there_is_missed(sound: Settings) -> None:
    (sound.home / "address").write_text("http://127.0.0.1:9\n")
    assert wrong_in(sound)["api"][0].startswith("http://127.0.0.1:9 does not answer")


def test_the_table_and_the_json_say_the_same(sound: Settings, database: Database) -> None:
    ran = runs(sound)
    assert (ran.exit_code, "WRONG" in ran.stdout) == (0, False), ran.output
    breaks(database, "DELETE FROM log.events WHERE notification_id = 2")
    ran = runs(sound)
    assert ran.exit_code == 1
    assert f"WRONG  {'log':<25} position 2 is missing\n       Every reader stops" in ran.stdout
    ran = runs(sound, "--json")
    answer = json.loads(ran.stdout)
    assert (ran.exit_code, answer["is_well"]) == (1, False)
    [hole] = [each for each in answer["findings"] if each["about"] == "log"]
    assert hole["found"] == "position 2 is missing"
    assert [each["about"] for each in answer["findings"] if each["advice"]] == ["log"]


def test_where_nothing_runs_the_rest_is_told_all_the_same(tmp_path: Path) -> None:
    wrong = wrong_in(Settings(home=tmp_path / "none"))
    assert "There is no installation in" in wrong["database"][1]


def test_a_home_of_somebody_else_is_told_as_one(sound: Settings) -> None:
    (sound.home / "address").write_text("http://127.0.0.1:9\n")
    with not_the_owner_of(sound.home):
        wrong = wrong_in(sound)
    assert "run this as its owner" in wrong["home"][1]
    assert "run this as its owner" in wrong["database"][1]


@contextmanager
def not_the_owner_of(home: Path) -> Generator[None]:
    """As root: as the services' account, which is another; else as who has locked himself out."""
    home.chmod(0o700 if os.geteuid() == 0 else 0)
    with service_account().acting():
        yield
    home.chmod(0o700)


def runs(settings: Settings, *words: str) -> Any:
    environment = {
        "TALLYSTICK_SOCKET_FOLDER": str(settings.socket_folder),
        "TALLYSTICK_DATABASE_NAME": settings.database_name,
        "REDIS_URL": settings.redis_url,
    }
    return CliRunner().invoke(
        app, ["doctor", "--home", str(settings.home), *words], env=environment
    )
