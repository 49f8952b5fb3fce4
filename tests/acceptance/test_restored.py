"""A backup of the log that lacks its tail: nothing of the lost branch is believed or shown."""

from __future__ import annotations

import json
from typing import Any

import psycopg
from typer.testing import CliRunner

from api.command_line.app import app
from tests.acceptance.stack import Json, Person, Stack, fresh_stack
from tests.acceptance.test_killed import the_read_model_equals_a_fold_of_the_log
from tests.embedded import until

Connection = psycopg.Connection[tuple[Any, ...]]

_OF_THE_LOG = ("events", "command_keys", "source_keys", "zero_based")


def declared(person: Person, *titles: str) -> list[Json]:
    return [person.post("/v1/incidents", title=title, severity="sev2") for title in titles]


def worked_on(person: Person, incident: Json) -> None:
    person.post(f"/v1/incidents/{incident['id']}/acknowledge")
    person.post(f"/v1/incidents/{incident['id']}/notes", text="Absorbent laid out in aisle 12.")


def acknowledging(person: Person, incident: Json) -> int:
    return person.status("POST", f"/v1/incidents/{incident['id']}/acknowledge")


def backed_up(log: Connection) -> None:
    """The log's tables and nothing else, as a dump of one schema has them."""
    log.execute("CREATE SCHEMA backup")
    for table in _OF_THE_LOG:
        log.execute(f"CREATE TABLE backup.{table} AS TABLE log.{table}")


def restored(log: Connection) -> None:
    with log.transaction():
        log.execute("SET LOCAL session_replication_role = replica")
        for table in _OF_THE_LOG:
            log.execute(f"TRUNCATE log.{table}")
            log.execute(f"INSERT INTO log.{table} SELECT * FROM backup.{table}")


def branched(stack: Stack) -> int:
    """`tallystick log restored`, as an operator runs it; the epoch that begins."""
    said = CliRunner().invoke(app, ["log", "restored", "--json", "--home", str(stack.home)])
    assert said.exit_code == 0, said.output
    return int(json.loads(said.stdout)["epoch"])


def test_after_a_restore_that_lost_the_tail_what_is_shown_equals_the_log() -> None:
    with fresh_stack() as stack:
        owner = stack.owner()
        kept = declared(owner, "The forklift leaks oil", "The ramp is slippery", "A tyre is worn")
        worked_on(owner, kept[0])
        with stack.connect() as log:
            backed_up(log)
            lost = declared(owner, "The mast creaks", "The horn is silent")
            worked_on(owner, kept[1])
            worked_on(owner, lost[0])
            page, feed = read_through(owner, stack.last_position(owner))
            restored(log)
        assert branched(stack) == 2
        declared(owner, *(f"After the restore, number {n}" for n in range(9)))
        refuses_the_lost_branch(owner, page, feed)
        # The api's process remembers the lost branch until it has looked at the log's end again.
        until(lambda: acknowledging(owner, lost[0]) == 404, "the lost branch is forgotten")
        worked_on(owner, kept[1])
        for incident in lost:
            assert owner.status("GET", f"/v1/incidents/{incident['id']}") == 404
            assert acknowledging(owner, incident) == 404
        position = stack.last_position(owner)
        owner.shown(f"/v1/incidents?min_position={position}")
        assert the_read_model_equals_a_fold_of_the_log(stack, owner) == 12


def read_through(person: Person, position: int) -> tuple[Json, Json]:
    """A page of the list and the feed, both with everything up to the position."""
    page = person.get(f"/v1/incidents?limit=2&min_position={position}")
    feed = person.get(f"/v1/events?after=0&min_position={position}")
    assert (feed["next"], feed["epoch"]) == (position, 1)
    return page, feed


def refuses_the_lost_branch(person: Person, page: Json, feed: Json) -> None:
    """Though the log has grown past those positions again."""
    cursor = f"/v1/incidents?limit=2&cursor={page['next_cursor']}"
    until(lambda: person.status("GET", cursor) == 410, "the cursor is of a lost branch")
    told = person.ask("GET", f"/v1/events?after={feed['next']}&epoch={feed['epoch']}")
    assert (told.status_code, told.json()["code"]) == (410, "log_restored")
