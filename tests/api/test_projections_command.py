"""`tallystick projections` tells how far what is shown has come, and stops it and lets it go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from api.command_line.app import app
from projections.catalog import CATALOG
from projections.engine.checkpoint import lag
from tests.embedded import Database, until
from tests.projections.story import Story, write_log
from tests.projections.test_incident_document import DECLARED
from tests.workers.projector.test_running import running
from write_model.incident.events import IncidentAcknowledged
from write_model.kernel.settings import Settings

Ask = Callable[..., Result]


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
        "holder": None,
        "parked": 0,
    }
    said = ask("status").stdout
    assert "position      0 of 1\n" in said
    assert "Nothing is applied; `tallystick up` starts a projector.\n" in said


def test_a_running_projector_is_named_by_its_lease(ask: Ask, database: Database) -> None:
    declare(database, Story())
    with running(database):
        until_position(database, 1)
        status = told(ask("status", "--json"))
    assert (status["state"], status["behind"], status["waiting_s"]) == ("running", 0, 0)
    assert len(status["holder"]) == 36


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
        ["incident", "people"],
        1,
        0,
    )
    assert rebuilt["swap_ms"] < 1_000
    tables = {row["name"]: row["table"] for row in told(ask("list", "--json"))}
    assert (tables["incident"], tables["changes"]) == ("incident_v1_r2", "changes_v1")


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
