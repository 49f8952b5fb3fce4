"""`tallystick dead-letters` lists what is parked, tries it again, and leaves an event out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from uuid import UUID

import psycopg
import pytest
from typer.testing import CliRunner, Result

from api.command_line.app import app
from projections.engine.log import Connection
from read_model.dead_letters import DeadLetter, all_dead_letters
from tests.api.test_parked import project
from tests.api.test_projections_command import told
from tests.embedded import Database
from tests.projections.story import NORTH, write_log
from tests.projections.test_projector import told as story
from tests.projections.test_repairing import ASSIGNED, CRANE, FORKLIFT, damage, mend
from write_model.kernel.settings import Settings

Ask = Callable[..., Result]


@pytest.fixture
def ask(settings: Settings) -> Ask:
    """Runs `tallystick dead-letters ...` on this test's database."""
    environment = {
        "TALLYSTICK_SOCKET_FOLDER": str(settings.socket_folder),
        "TALLYSTICK_DATABASE_NAME": settings.database_name,
    }

    def asked(*words: str) -> Result:
        home = ("--home", str(settings.home))
        return CliRunner().invoke(app, ["dead-letters", *words, *home], env=environment)

    return asked


@pytest.fixture
def log(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def state(log: Connection, database: Database) -> bytes:
    """What the event said for which the forklift is parked, from its version 3 on."""
    write_log(log, story().events)
    state = damage(log, ASSIGNED)
    project(database)
    return state


def test_the_list_names_record_event_and_reason(ask: Ask, state: bytes) -> None:
    [letter] = told(ask("list", "--json"))
    assert "uuid" in letter.pop("reason")
    assert letter == {
        "organization": str(NORTH),
        "stream": str(FORKLIFT),
        "reference": "INC-1",
        "version": 3,
        "type": "incident.assigned",
        "position": 6,
        "behind": 3,
        "since": "2026-02-02T08:07:00Z",
        "asked": None,
    }
    said = ask("list").stdout
    assert said.startswith(f"INC-1  {FORKLIFT}  of organization {NORTH}\n")
    assert "incident.assigned, version 3, recorded 2026-02-02 08:07:00Z; 3 behind it" in said


@pytest.mark.parametrize("which", [("--all",), ("--stream", str(FORKLIFT))])
def test_what_was_mended_is_brought_in(
    ask: Ask, log: Connection, state: bytes, which: tuple[str, ...]
) -> None:
    mend(log, ASSIGNED, state)
    assert told(ask("retry", *which, "--json")) == [
        {"stream": str(FORKLIFT), "applied": 4, "parked": 0, "reason": None}
    ]
    assert ask("list").stdout == "Nothing is parked.\n"
    assert ask("retry", "--all").stdout == "Nothing is parked.\n"


def test_what_stays_parked_is_told_with_what_to_do(ask: Ask, state: bytes) -> None:
    asked = ask("retry", "--all")
    assert asked.exit_code == 1
    assert f"{FORKLIFT}  0 applied, 4 parked\n  [{{'type': 'uuid_type'" in asked.stdout
    assert "leave the event out with `tallystick dead-letters skip`." in asked.stdout


def test_an_event_is_left_out_with_a_reason(ask: Ask, log: Connection, state: bytes) -> None:
    words = ("skip", "--stream", str(FORKLIFT), "--version", "3", "--reason", "It says nothing")
    assert f"{FORKLIFT}  4 applied, 0 parked\n" in ask(*words).stdout
    assert log.execute(
        "SELECT position, skipped_by, reason FROM projections.skipped"
    ).fetchall() == [(ASSIGNED, None, "It says nothing")]
    again = ask(*words)
    assert (again.exit_code, again.stderr) == (
        2,
        "No event of this record is parked; look at the list again.\n",
    )


def test_whom_somebody_else_brought_in_meanwhile_is_nothing_to_do(
    ask: Ask, log: Connection, state: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = partial(_also, CRANE, all_dead_letters)
    monkeypatch.setattr("read_model.dead_letters.all_dead_letters", both)
    mend(log, ASSIGNED, state)
    assert [each["stream"] for each in told(ask("retry", "--all", "--json"))] == [str(FORKLIFT)]
    assert ask("retry", "--stream", str(CRANE)).exit_code == 2


def _also(
    stream: UUID, found: Callable[[Connection], list[DeadLetter]], connection: Connection
) -> list[DeadLetter]:
    """As if it had been parked when the list was read."""
    parked = found(connection)
    return [replace(each, stream=stream) for each in parked] + parked


def test_what_was_done_before_a_refusal_is_told(ask: Ask, log: Connection, state: bytes) -> None:
    """The crane's event is one of a newer release."""
    [[crane]] = log.execute(
        "SELECT max(notification_id) FROM log.events WHERE originator_id = %s", (CRANE,)
    ).fetchall()
    log.execute(
        "INSERT INTO projections.dead_letters SELECT originator_id, notification_id, tenant_id,"
        " tenant_position, originator_version, topic, '' FROM log.events"
        " WHERE notification_id = %s",
        (crane,),
    )
    log.execute("SET session_replication_role = replica")
    log.execute(
        "UPDATE log.events SET topic = 'incident.sung', recorded_at = now()"
        " WHERE notification_id = %s",
        (crane,),
    )
    mend(log, ASSIGNED, state)
    asked = ask("retry", "--all")
    assert (asked.exit_code, asked.stdout) == (2, f"{FORKLIFT}  4 applied, 0 parked\n")
    assert asked.stderr == "The log has incident.sung, of a newer release: do it with that.\n"


def test_what_is_to_be_retried_must_be_named(ask: Ask) -> None:
    for words in ((), ("--all", "--stream", str(CRANE))):
        asked = ask("retry", *words)
        assert asked.exit_code == 2
        assert "Name one record by --stream" in " ".join(asked.stderr.split())


def test_a_log_that_was_restored_is_followed_first(ask: Ask, log: Connection, state: bytes) -> None:
    log.execute("INSERT INTO log.epochs VALUES (2, 12, now(), 'restored')")
    asked = ask("retry", "--all")
    assert asked.exit_code == 2
    assert asked.stderr.startswith("The log was restored; do it again once")
