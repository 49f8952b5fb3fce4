"""Rebuilds that are asked for are written down, whatever becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import psycopg
import pytest

from projections.catalog import CATALOG
from projections.engine.alone import AlreadyRebuilding, alone
from projections.engine.catalog import Catalog
from projections.engine.choosing import EVERYTHING, Choice
from projections.engine.log import Connection
from projections.engine.performing import perform
from projections.engine.progress import Phase, Progress
from projections.engine.projection import Row
from projections.engine.requests import Request, next_request, written_down
from projections.engine.versions import OtherRelease
from projections.engine.watching import newest
from projections.incident.tables import INCIDENT
from tests.embedded import Database
from tests.identity import overtaken
from tests.projections.conftest import Connect
from tests.projections.story import MARA, NORTH, SOUTH, write_log
from tests.projections.test_projector import catch_up, projector, told
from tests.projections.test_rebuilding import end, when
from write_model.kernel.ids import new_id
from write_model.kernel.messages import Recorded


@pytest.fixture
def tailer(log: Connection, connect: Connect) -> Connection:
    write_log(log, told().events)
    tailer = connect("tallystick_tailer")
    catch_up(projector(tailer))
    return tailer


def asked_for(log: Connection, *names: str, tries: int = 0) -> UUID:
    """As by an administrator of the northern warehouses."""
    id_ = new_id()
    log.execute(
        "INSERT INTO projections.rebuilds (id, names, tenant_id, requested_by, state, tries)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (id_, list(names), NORTH, MARA, "running" if tries else "waiting", tries),
    )
    return id_


def states(log: Connection) -> dict[UUID, tuple[str, str | None]]:
    found = log.execute("SELECT id, state, error FROM projections.rebuilds").fetchall()
    return {id_: (state, error) for id_, state, error in found}


def begin(
    tailer: Connection,
    connect: Connect,
    request: Request,
    tell: Callable[[Progress], Any] = lambda _: None,
) -> None:
    perform(tailer, connect("tallystick_tailer"), CATALOG, request, tell)


@pytest.mark.parametrize(("choice", "share"), [(EVERYTHING, 1.0), (Choice(tenant=NORTH), 0.0)])
def test_whoever_watches_sees_how_far_it_is(
    log: Connection, tailer: Connection, connect: Connect, choice: Choice, share: float
) -> None:
    seen = list[Any]()
    request = Request(new_id(), ["incident", "people"], choice)
    begin(tailer, connect, request, lambda _: seen.append(newest(log)))
    assert seen[0].names == ["incident", "people"]
    assert (seen[0].state, seen[0].phase, seen[0].share) == ("running", Phase.FOLDING, share)
    last = newest(log)
    assert last is not None
    assert (last.state, last.error) == ("done", None)


def test_what_is_told_often_is_written_once_a_second(
    log: Connection, tailer: Connection, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter((100.0, 100.3, 100.6, 100.9, 101.1, 101.2))
    clock = SimpleNamespace(monotonic=lambda: next(seconds))
    monkeypatch.setattr("projections.engine.requests.time", clock)
    request, seen = Request(new_id(), ["incident"]), list[int]()

    def tell(progress: Progress) -> None:
        shown = newest(log)
        assert shown is not None
        seen.append(shown.done)

    with written_down(connect("tallystick_tailer"), request, tell) as noted:
        for done in range(5):
            noted(Progress(Phase.FOLDING, done, 5))
        noted(Progress(Phase.INDEXING, 5, 5))
    assert seen == [0, 0, 0, 0, 4, 5]


def test_nobody_has_asked_yet(log: Connection) -> None:
    assert (next_request(log), newest(log)) == (None, None)


def test_those_who_ask_are_served_in_turn(
    log: Connection, tailer: Connection, connect: Connect
) -> None:
    first, second = asked_for(log, "incident"), asked_for(log, "people")
    for id_ in (first, second):
        request = next_request(tailer)
        assert request is not None
        assert (request.id, request.choice) == (id_, Choice(tenant=NORTH))
        begin(tailer, connect, request)
    assert next_request(tailer) is None
    assert states(log) == {first: ("done", None), second: ("done", None)}


def test_one_whose_process_was_killed_is_begun_again(
    log: Connection, tailer: Connection, connect: Connect
) -> None:
    id_, killed = asked_for(log, "incident"), connect("tallystick_tailer")
    request = next_request(tailer)
    assert request is not None
    beside = connect("tallystick_tailer")

    def kill() -> None:
        end(log, killed)
        end(log, beside)

    with pytest.raises(psycopg.OperationalError):
        perform(killed, beside, CATALOG, request, when(Phase.FOLDING, kill))
    assert states(log)[id_][0] == "running"
    watched = newest(log)
    assert watched is not None
    assert watched.state == "interrupted"
    again = next_request(tailer)
    assert again == request
    begin(tailer, connect, request)
    assert states(log) == {id_: ("done", None)}


def test_one_that_is_killed_before_it_mends_anything_has_tried(
    log: Connection, tailer: Connection, connect: Connect
) -> None:
    id_, killed = asked_for(log, "incident"), connect("tallystick_tailer")
    request, beside = next_request(tailer), connect("tallystick_tailer")
    assert request is not None

    def fold(row: Row | None, recorded: Recorded) -> Row:
        end(log, beside)
        end(log, killed)
        return INCIDENT.fold(row, recorded)

    others = (each for each in CATALOG.projections if each is not INCIDENT)
    with pytest.raises(psycopg.OperationalError):
        perform(killed, beside, Catalog((replace(INCIDENT, fold=fold), *others)), request, unheard)
    tried = log.execute("SELECT id, state, tries FROM projections.rebuilds").fetchall()
    assert tried == [(id_, "running", 1)]


def unheard(_: Progress) -> None:
    """Whom nobody tells anything."""


def test_one_that_ended_its_process_three_times_is_given_up(
    log: Connection, tailer: Connection
) -> None:
    id_ = asked_for(log, "incident", tries=3)
    with alone(log), pytest.raises(AlreadyRebuilding):
        next_request(tailer)
    assert next_request(tailer) is None
    assert states(log) == {id_: ("failed", "Its process ended three times before it did.")}


async def test_one_that_ended_well_meanwhile_is_not_given_up(
    log: Connection, tailer: Connection, database: Database
) -> None:
    id_ = asked_for(log, "incident", tries=3)
    looking = asyncio.to_thread(next_request, tailer)
    ended = "UPDATE projections.rebuilds SET state = 'done'"
    assert await overtaken(looking, database, ended) is None
    assert states(log) == {id_: ("done", None)}


def test_what_was_begun_from_a_terminal_and_died_is_settled_by_the_next(
    log: Connection, tailer: Connection, connect: Connect
) -> None:
    log.execute(
        "INSERT INTO projections.rebuilds (id, names, state, ended_at) VALUES"
        " (%s, '{}', 'running', NULL), (%s, '{}', 'done', now() - interval '31 days')",
        (MARA, NORTH),
    )
    begin(tailer, connect, Request(new_id(), ["incident"]))
    assert states(log)[MARA] == ("failed", "Its process ended before it did; ask for it again.")
    assert NORTH not in states(log)


def test_why_it_failed_is_written_without_what_the_database_said_of_rows(
    log: Connection, tailer: Connection, connect: Connect
) -> None:
    log.execute("ALTER TABLE projections.people_v1 DROP COLUMN standing")
    log.execute("UPDATE projections.current SET version = 9 WHERE name = 'changes'")
    found = dict[str, str | None]()
    for name, choice in (("weather", EVERYTHING), ("people", EVERYTHING), ("incident", NORTHERN)):
        id_ = new_id()
        with pytest.raises((KeyError, psycopg.Error, OtherRelease)):
            begin(tailer, connect, Request(id_, [name], choice))
        found[name] = states(log)[id_][1]
    assert found == {
        "weather": "KeyError",
        "people": 'UndefinedColumn: column "standing" of relation "people_v1_r2" does not exist',
        "incident": "changes is shown in version 9; this release makes version 1.",
    }


NORTHERN = Choice(tenant=NORTH)


def test_one_that_was_stopped_says_so_and_one_that_must_wait_is_left_as_it_was(
    log: Connection, tailer: Connection, connect: Connect
) -> None:
    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    waiting, stopped = asked_for(log, "incident"), new_id()
    with alone(log), pytest.raises(AlreadyRebuilding):
        begin(tailer, connect, Request(waiting, ["incident"], NORTHERN))
    with pytest.raises(KeyboardInterrupt):
        begin(tailer, connect, Request(stopped, ["incident"]), stop)
    assert states(log) == {waiting: ("waiting", None), stopped: ("failed", "It was stopped.")}


def test_an_organization_is_told_and_asks_only_for_itself(
    log: Connection, tailer: Connection, connect: Connect
) -> None:
    app = connect("tallystick_app")
    app.execute("SELECT set_config('app.tenant', %s, false)", (str(SOUTH),))
    asking = "SELECT projections.ask_for_rebuild(%s, %s, %s, '{incident}', NULL, NULL, NULL)"
    assert app.execute("SELECT projections.shown_to(%s)", (NORTH,)).fetchall() == []
    assert app.execute("SELECT projections.rebuilds_of(%s)", (NORTH,)).fetchall() == []
    assert app.execute(asking, (new_id(), NORTH, MARA)).fetchall() == []
    id_ = new_id()
    assert app.execute(asking, (id_, SOUTH, MARA)).fetchall() == [(id_,)]
    assert app.execute(asking, (new_id(), SOUTH, MARA)).fetchall() == []
    assert states(log) == {id_: ("waiting", None)}
