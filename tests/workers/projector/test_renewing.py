"""A projection whose version was raised is rebuilt by itself, beside the one that is shown."""

from __future__ import annotations

import threading
from collections.abc import Generator
from dataclasses import replace
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import sql
from structlog.testing import capture_logs

from projections.catalog import CATALOG
from projections.engine import columns
from projections.engine.alone import alone
from projections.engine.catalog import Catalog
from projections.engine.columns import Column
from projections.engine.layout import read_layout
from projections.engine.log import Connection
from projections.engine.making import droppable
from projections.engine.pointers import Pointer, pointers
from projections.engine.progress import Stopped
from projections.engine.projection import Additions, Row, TableSpec, Values
from projections.incident.tables import INCIDENT, INCIDENT_LIST
from tests.embedded import Database
from tests.embedded import until as until_outside
from tests.projections.story import Story, write_log
from tests.projections.test_projector import counts_are_right, told
from tests.projections.test_rebuilding import shown
from tests.workers.projector.test_running import has_reached, running, until
from workers.projector.renewing import renew
from write_model.incident.events import NoteAdded
from write_model.kernel.ids import derived_id
from write_model.kernel.messages import Recorded

LIST = "incident_list"


def _newer_values(row: Row, recorded: Recorded) -> Values:
    return (*INCIDENT_LIST.values(row, recorded), row["title"].upper())


_COLUMNS = (*INCIDENT_LIST.table.columns, Column("shouted", columns.TEXT))
NEWER_LIST = replace(
    INCIDENT_LIST,
    version=2,
    table=replace(INCIDENT_LIST.table, name="incident_list_v2", columns=_COLUMNS),
    values=_newer_values,
)
OTHERS = tuple(each for each in CATALOG.projections if each is not INCIDENT_LIST)
NEWER = Catalog((*OTHERS, NEWER_LIST))
"""The next release: its list has a column more."""

SAME_SHAPE = Catalog((*OTHERS, replace(INCIDENT_LIST, version=2)))
"""The next release: its list is made otherwise, in the same columns."""


@pytest.fixture
def admin(database: Database) -> Generator[Connection]:
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as connection:
        yield connection


def migrate(database: Database) -> None:
    """As the migration of the next release would."""
    with psycopg.connect(database.conninfo("tallystick_tailer"), autocommit=True) as tailer:
        tailer.execute("SELECT projections.make_like('incident_list_v1', 'incident_list_v2')")
        tailer.execute('ALTER TABLE projections.incident_list_v2 ADD shouted text COLLATE "C"')
        query = "SELECT projections.indexes_like('incident_list_v1', 'incident_list_v2')"
        for (definition,) in tailer.execute(query).fetchall():
            tailer.execute(definition)


def pointer(connection: Connection, name: str = LIST) -> Pointer:
    return next(each for each in pointers(connection) if each.name == name)


def lines(connection: Connection) -> list[tuple[Any, ...]]:
    """Of the newer list: what is shouted, and how often the record was changed."""
    name = read_layout(connection).name("incident_list_v2")
    query = sql.SQL("SELECT shouted, document::jsonb->>'version' FROM {} ORDER BY number, id")
    return connection.execute(query.format(name)).fetchall()


def drip(story: Story, number: int) -> Recorded:
    note = NoteAdded(note=derived_id("note", number), text="It drips")
    return story.tell("forklift", note)


def test_the_next_release_makes_its_tables_before_it_goes_on(
    database: Database, admin: Connection
) -> None:
    story = told()
    write_log(admin, story.events)
    with running(database):
        until(admin, partial(has_reached, 13))
    left = shown(admin)
    migrate(database)
    write_log(admin, [drip(story, 1)])
    with running(database, NEWER):
        until(admin, partial(has_reached, 14))
    assert pointer(admin) == Pointer(LIST, 2, "incident_list_v2_r2")
    assert {shouted for shouted, _ in lines(admin)} == {"THE FORKLIFT LEAKS OIL"}
    old = admin.execute("SELECT t::text FROM projections.incident_list_v1 t ORDER BY 1").fetchall()
    assert old == left["incident_list_v1"]
    assert droppable(admin, left_for_s=0) == ["incident_list_v1", "incident_list_v2"]


def test_beside_the_former_release_nothing_stands_still(
    database: Database, admin: Connection
) -> None:
    """It goes on until the new table is in place, and stands by from then on."""
    story = told()
    write_log(admin, story.events)
    migrate(database)
    with capture_logs() as logs, running(database):
        until(admin, partial(has_reached, 13))
        with running(database, NEWER):
            for number in range(40):
                write_log(admin, [drip(story, number)])
                until(admin, partial(has_reached, 14 + number))
            until_outside(lambda: pointer(admin).version == 2, "the new list is shown")
            write_log(admin, [drip(story, 40)])
            until(admin, partial(has_reached, 54))
    assert lines(admin)[0] == ("THE FORKLIFT LEAKS OIL", "47")
    reasons = {each["reason"] for each in logs if each["event"] == "projector.stands_by"}
    assert reasons <= {"incident_list is shown in version 2; this release makes version 1."}


def test_the_former_release_writes_nothing_once_the_next_is_shown(
    database: Database, admin: Connection
) -> None:
    story = told()
    write_log(admin, story.events)
    migrate(database)
    with running(database, NEWER):
        until(admin, partial(has_reached, 13))
    live = shown(admin)
    write_log(admin, [drip(story, 1)])
    with capture_logs() as logs, running(database):
        until_outside(lambda: stands_by(logs), "the former release stands by")
        assert shown(admin) == live
        assert has_reached(13, until(admin, lambda found: not found.held))


def stands_by(logs: list[Any]) -> bool:
    return any(each["event"] == "projector.stands_by" for each in logs)


def test_a_version_that_keeps_its_table_is_made_anew_under_the_same_name(
    database: Database, admin: Connection
) -> None:
    write_log(admin, told().events)
    with running(database):
        until(admin, partial(has_reached, 13))
    live = shown(admin)
    with running(database, SAME_SHAPE):
        until_outside(lambda: pointer(admin).version == 2, "the new list is shown")
    assert shown(admin) == live
    assert pointer(admin) == Pointer(LIST, 2, "incident_list_v1_r2")


def _all_closed(row: Row | None, recorded: Recorded) -> Row:
    return {**INCIDENT.fold(row, recorded), "status": "closed"}


def test_with_a_document_is_made_what_is_made_from_it(
    database: Database, admin: Connection
) -> None:
    write_log(admin, told().events)
    with running(database):
        until(admin, partial(has_reached, 13))
    others = (each for each in CATALOG.projections if each is not INCIDENT)
    stricter = Catalog((replace(INCIDENT, version=2, fold=_all_closed), *others))
    with running(database, stricter):
        until_outside(lambda: pointer(admin, "incident").version == 2, "the new ones are shown")
    assert counts_are_right(admin)
    for table in ("incident_counts_v1", "incident_list_v1"):
        query = sql.SQL("SELECT DISTINCT status FROM {}").format(read_layout(admin).name(table))
        assert admin.execute(query).fetchall() == [("closed",)]


def _in_nul(row: Row, recorded: Recorded) -> Values:
    return (*INCIDENT_LIST.values(row, recorded), "\x00")


def test_rows_that_a_new_table_refuses_are_not_made_again_at_once(
    database: Database, admin: Connection
) -> None:
    write_log(admin, told().events)
    with running(database):
        until(admin, partial(has_reached, 13))
    migrate(database)
    refused = Catalog((*OTHERS, replace(NEWER_LIST, values=_in_nul)))
    with capture_logs() as logs, running(database, refused):
        until_outside(lambda: bool(said(logs, "projector.not_renewed")), "it says why")
        [line] = said(logs, "projector.not_renewed")
        assert line["reason"].startswith("incident_list_v2_r2 refuses what the log says (Char")
        assert line["again_in_s"] == 300
    [[error]] = admin.execute("SELECT error FROM projections.rebuilds").fetchall()
    assert error == line["reason"]


def said(logs: list[Any], event: str) -> list[Any]:
    return [each for each in logs if each["event"] == event]


WATCHED = Additions(
    name="seen",
    version=1,
    table=TableSpec(
        "seen_v1",
        (Column("tenant_id", columns.UUID), Column("stream_id", columns.UUID)),
        is_keyed=False,
    ),
    rows=lambda transition: ((transition.recorded.tenant, transition.recorded.stream),),
)


def test_a_new_projection_has_what_happened_before_it(
    database: Database, admin: Connection
) -> None:
    write_log(admin, told().events)
    with running(database):
        until(admin, partial(has_reached, 13))
    with psycopg.connect(database.conninfo("tallystick_tailer"), autocommit=True) as tailer:
        tailer.execute("CREATE TABLE projections.seen_v1 (tenant_id uuid, stream_id uuid)")
    with running(database, Catalog((*CATALOG.projections, WATCHED))):
        until_outside(lambda: "seen" in {each.name for each in pointers(admin)}, "it is shown")
    assert pointer(admin, "seen") == Pointer("seen", 1, "seen_v1_r2")
    assert admin.execute("SELECT count(*) FROM projections.seen_v1_r2").fetchone() == (13,)
    with capture_logs() as logs, running(database):
        until_outside(lambda: stands_by(logs), "who does not know it stands by")


def test_one_that_is_to_stop_leaves_what_is_shown(database: Database, admin: Connection) -> None:
    write_log(admin, told().events)
    stop = threading.Event()
    stop.set()
    before = pointers(admin)
    with running(database):
        until(admin, partial(has_reached, 13))
    with pytest.raises(Stopped):
        renew(database.conninfo("tallystick_tailer"), SAME_SHAPE, stop)
    assert pointers(admin) == before
    error = admin.execute("SELECT state, error FROM projections.rebuilds").fetchall()
    assert error == [("failed", "It was stopped.")]


def test_beside_another_rebuild_it_waits_for_its_end(database: Database, admin: Connection) -> None:
    write_log(admin, told().events)
    with alone(admin), capture_logs() as logs, running(database, SAME_SHAPE):
        until_outside(lambda: stands_by(logs), "it waits")
        assert pointer(admin).version == 1
        admin.execute("SELECT pg_advisory_unlock_all()")
        until_outside(lambda: pointer(admin).version == 2, "the new list is shown")
