"""`tallystick projections` tells how far what is shown has come, and stops it and lets it go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from typer.testing import CliRunner, Result

from api.command_line.app import app
from projections.catalog import CATALOG
from projections.engine.alone import alone
from projections.engine.checkpoint import lag
from tests.api.test_parked import project
from tests.embedded import Database, until
from tests.projections.story import NORTH, Story, stream, write_log
from tests.projections.test_incident_document import DECLARED
from tests.projections.test_projector import told as story
from tests.projections.test_repairing import ASSIGNED, damage
from tests.workers.projector.test_running import running
from write_model.incident.events import IncidentAcknowledged
from write_model.kernel.settings import Settings

Ask = Callable[..., Result]
STALLED_MS = 20_000
"""Some milliseconds on a quiet machine, and no more than this on one that stands still."""


@pytest.fixture
def ask(settings: Settings) -> Ask:
    """Runs `tallystick projections ...` on this test's database."""
    environment = {
        "TALLYSTICK_SOCKET_FOLDER": str(settings.socket_folder),
        "TALLYSTICK_DATABASE_NAME": settings.database_name,
    }

    def asked(*words: str) -> Result:
        home = ("--home", str(settings.home))
        return CliRunner().invoke(app, ["projections", *words, *home], env=environment)

    return asked


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def declare(database: Database, story: Story) -> None:
    story.tell("forklift", DECLARED)
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as log:
        write_log(log, story.events)


def until_position(database: Database, position: int) -> None:
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as log:
        until(lambda: lag(log).position == position, f"{position} is applied")


def test_the_list_names_every_projection_with_its_version_and_its_table(ask: Ask) -> None:
    rows = {(row["name"], row["version"], row["table"]) for row in told(ask("list", "--json"))}
    assert rows == {(each.name, each.version, each.table.name) for each in CATALOG.projections}
    assert "projections.incident_list_v1\n" in ask("list").stdout


def test_without_a_projector_the_status_says_how_to_start_one(ask: Ask, database: Database) -> None:
    declare(database, Story())
    status = told(ask("status", "--json"))
    assert status.pop("waiting_s") > 0
    assert status == {
        "state": "no projector",
        "position": 0,
        "head": 1,
        "behind": 1,
        "events_per_s": 0,
        "batches": 0,
        "events": 0,
        "last_batch": {"events": 0, "ms": 0},
        "holder": None,
        "parked": 0,
        "rebuild": None,
        "parked_events": 0,
    }
    said = ask("status").stdout
    assert "position      0 of 1\n" in said
    assert "Nothing is applied; `tallystick up` starts a projector.\n" in said


def test_before_a_projector_goes_on_the_status_says_what_it_rebuilds(
    ask: Ask, database: Database
) -> None:
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as log, alone(log):
        log.execute(
            "INSERT INTO projections.rebuilds (id, names, state, phase, done, total)"
            " VALUES (gen_random_uuid(), '{incident}', 'running', 'folding', 1, 4)"
        )
        said = ask("status").stdout
    assert said.endswith("rebuild       incident: folding 25%\n")
    assert told(ask("status", "--json"))["rebuild"]["state"] == "interrupted"


def test_a_running_projector_is_named_by_its_lease(ask: Ask, database: Database) -> None:
    declare(database, Story())
    with running(database):
        until_position(database, 1)
        status = told(ask("status", "--json"))
    assert (status["state"], status["behind"], status["waiting_s"]) == ("running", 0, 0)
    assert len(status["holder"]) == 36


def test_what_the_projector_did_is_told(
    ask: Ask, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A busy machine may take seconds to apply them, and to be asked about it.
    monkeypatch.setattr("read_model.watching._LATELY_S", 60.0)
    story = Story()
    for number in range(49):
        story.tell(f"forklift {number}", DECLARED)
    declare(database, story)
    with running(database):
        until_position(database, 50)
    status = told(ask("status", "--json"))
    assert (status["batches"], status["events"], status["events_per_s"] > 0) == (1, 50, True)
    assert status["last_batch"]["events"] == 50
    assert status["last_batch"]["ms"] > 0
    assert "last batch    50 events in " in ask("status").stdout


def test_what_is_parked_is_told_with_where_to_look(ask: Ask, database: Database) -> None:
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as log:
        write_log(log, story().events)
        damage(log, ASSIGNED)
    project(database)
    said = ask("status").stdout
    assert "parked        1 records, 4 events\n" in said
    assert "`tallystick dead-letters list` says what is parked, and why.\n" in said


def test_a_paused_projector_applies_nothing_until_it_is_resumed(
    ask: Ask, database: Database
) -> None:
    story = Story()
    declare(database, story)
    with running(database), psycopg.connect(database.conninfo("postgres"), autocommit=True) as log:
        until_position(database, 1)
        assert told(ask("pause", "--json"))["state"] == "paused"
        assert "`tallystick projections resume` lets it go on." in ask("pause").stdout
        write_log(log, [story.tell("forklift", IncidentAcknowledged())])
        assert told(ask("status", "--json"))["behind"] == 1
        assert told(ask("resume", "--json"))["state"] == "running"
        until_position(database, 2)


def test_where_nothing_was_ever_started_it_says_what_to_do(tmp_path: Path) -> None:
    asked = CliRunner().invoke(app, ["projections", "status", "--home", str(tmp_path / "none")])
    assert asked.exit_code == 2
    assert "There is no installation in" in asked.stderr
    assert "Start it with `tallystick up`" in asked.stderr


def test_a_stopped_database_is_told_with_what_to_do(settings: Settings) -> None:
    home = ("--home", str(settings.home))
    asked = CliRunner().invoke(app, ["projections", "pause", *home])
    assert asked.exit_code == 2
    assert asked.stderr.startswith("The database does not answer (")
    assert "Start it with `tallystick up`" in asked.stderr


def test_a_database_without_our_tables_is_told_with_what_to_do(
    ask: Ask, database: Database
) -> None:
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as log:
        log.execute("DROP SCHEMA projections CASCADE")
    asked = ask("status")
    assert asked.exit_code == 2
    assert asked.stderr.startswith("The database has no projections yet.")


def test_a_projection_is_rebuilt_and_pointed_to(ask: Ask, database: Database) -> None:
    declare(database, Story())
    with running(database):
        until_position(database, 1)
        rebuilt = told(ask("rebuild", "incident", "people", "--json"))
    assert (rebuilt["rebuilt"], rebuilt["events"], rebuilt["parked"]) == (
        ["incident", "people", "incident_counts"],
        1,
        0,
    )
    assert rebuilt["swap_ms"] < STALLED_MS
    tables = {row["name"]: row["table"] for row in told(ask("list", "--json"))}
    assert (tables["incident"], tables["changes"]) == ("incident_v1_r2", "changes_v1")


def test_chosen_records_are_folded_anew_where_they_are(ask: Ask, database: Database) -> None:
    story = Story()
    story.tell("crane", DECLARED)
    declare(database, story)
    tenant = ("--tenant", str(NORTH))
    with running(database):
        until_position(database, 2)
        titles = {"forklift": damaged(database, "forklift"), "crane": damaged(database, "crane")}
        rebuilt = told(ask("rebuild", *tenant, "--stream", "INC-2", "--json"))
        assert (rebuilt["records"], rebuilt["events"], rebuilt["parked"]) == (1, 1, 0)
        assert rebuilt["wait_ms"] < STALLED_MS
        assert title(database, "forklift") == DECLARED.title
        assert title(database, "crane") == titles["crane"]
        said = ask("rebuild", "incident", "--stream", str(stream("crane")), "--from", "1").stdout
    assert "rebuilt       incident\n" in said
    assert title(database, "crane") == DECLARED.title
    assert {row["table"] for row in told(ask("list", "--json"))} == {
        each.table.name for each in CATALOG.projections
    }
    assert "rebuild       incident: done\n" in ask("status").stdout


def damaged(database: Database, name: str) -> str:
    """The record has another title in its row than in the log."""
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as log:
        log.execute(
            "UPDATE projections.incident_v1 SET document ="
            " jsonb_set(document::jsonb, '{title}', '\"Nothing\"') WHERE id = %s",
            (stream(name),),
        )
    return title(database, name)


def title(database: Database, name: str) -> str:
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as log:
        query = "SELECT document::jsonb->>'title' FROM projections.incident_v1 WHERE id = %s"
        [[found]] = log.execute(query, (stream(name),)).fetchall()
    return str(found)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("weather", "--from", "1"), "Name some of incident"),
        (("--tenant", "north"), "Invalid value for '--tenant'"),
        (("--tenant", str(UUID(int=1))), "There is no such record"),
        (("--stream", "INC-1"), "Every organization has its own INC-1; name it with --tenant."),
        (("--stream", "INC-9", "--tenant", str(NORTH)), "The organization has no INC-9."),
        (("--stream", "CAR-1", "--tenant", str(NORTH)), "The organization has no CAR-1."),
        (("--stream", "the forklift"), "is no id, and no reference such as INC-42"),
        (("--type", "weather"), "There is no such record"),
        (("--from", "99"), "There is no such record"),
    ],
    ids=str,
)
def test_what_is_not_there_cannot_be_chosen(
    ask: Ask, database: Database, words: tuple[str, ...], said: str
) -> None:
    declare(database, Story())
    refused = ask("rebuild", *words)
    assert refused.exit_code == 2
    assert said in " ".join(refused.stderr.replace("│", " ").split())


def test_what_stands_in_the_way_of_a_rebuild_is_told(ask: Ask, database: Database) -> None:
    declare(database, Story())
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as log:
        log.execute("SET session_replication_role = replica")
        with alone(log):
            refused = ask("rebuild", "incident")
        assert refused.stderr == "Another rebuild is under way; wait until it has ended.\n"
        log.execute("UPDATE projections.checkpoint SET position = 1")
        log.execute("UPDATE log.events SET topic = 'incident.sung'")
        refused = ask("rebuild", "incident")
        assert "The log has incident.sung, of a newer release" in refused.stderr
        log.execute("UPDATE log.events SET topic = 'incident.declared'")
        log.execute("ALTER TABLE projections.incident_v1 DROP COLUMN is_personal")
        refused = ask("rebuild", "incident", "--from", "1")
        assert refused.stderr.startswith("The database refused it (UndefinedColumn: column")
        assert "Start it" not in refused.stderr
        log.execute("UPDATE projections.current SET version = 9 WHERE name = 'changes'")
        refused = ask("rebuild", "people", "--from", "1")
        assert refused.stderr == "changes is shown in version 9; this release makes version 1.\n"
        log.execute("INSERT INTO log.epochs VALUES (2, 2, now(), 'restored')")
        refused = ask("rebuild", "people")
        assert refused.stderr.startswith("The log was restored; do it again once")
    assert refused.exit_code == 2
    said = ask("status").stdout
    assert "rebuild       people: failed (The log was restored to an earlier point;" in said


def test_all_of_them_are_rebuilt_at_once(ask: Ask, database: Database) -> None:
    declare(database, Story())
    said = ask("rebuild", "--all").stdout
    every = ", ".join(each.name for each in CATALOG.projections)
    assert f"rebuilt       {every}\n" in said
    assert ask("drop-old").stdout == "Nothing to drop.\n"
    assert told(ask("drop-old", "--json")) == {"dropped": []}


def test_what_is_to_be_rebuilt_must_be_named(ask: Ask) -> None:
    for words in ((), ("weather",)):
        asked = ask("rebuild", *words)
        assert asked.exit_code == 2
        assert "Name some of incident, incident_list" in " ".join(asked.stderr.split())
