"""A projection folded anew: the same rows in another table, and nobody notices when it is put in."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import sql

from projections.catalog import CATALOG
from projections.engine.layout import read_layout
from projections.engine.log import Connection
from projections.engine.rebuilding import Rebuild
from tests.projections.conftest import Connect
from tests.projections.story import write_log
from tests.projections.test_projector import catch_up, projector, tables, told

NAMES = [projection.name for projection in CATALOG.projections]


def rebuild(connection: Connection, *names: str, at_once: int = 100) -> None:
    Rebuild(connection, CATALOG, lambda _: None, streams_at_once=at_once).of(names or NAMES)


def shown(connection: Connection) -> dict[str, list[Any]]:
    """Every row that is pointed to, by the table that declares it."""
    layout = read_layout(connection)
    return {
        table.name: connection.execute(
            sql.SQL("SELECT t::text FROM {} t ORDER BY 1").format(layout.name(table.name))
        ).fetchall()
        for table in CATALOG.tables()
    }


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_what_is_rebuilt_equals_what_was_shown(
    log: Connection, connect: Connect, at_once: int
) -> None:
    write_log(log, told().events)
    tailer = connect("tallystick_tailer")
    catch_up(projector(tailer))
    live = tables(log)
    rebuild(connect("tallystick_tailer"), at_once=at_once)
    places = read_layout(log).places
    assert {places[table.name] for table in CATALOG.tables()}.isdisjoint(live)
    assert shown(log) == live


@pytest.mark.parametrize("name", NAMES)
def test_each_projection_is_rebuilt_alone(log: Connection, connect: Connect, name: str) -> None:
    write_log(log, told().events)
    tailer = connect("tallystick_tailer")
    catch_up(projector(tailer))
    live = shown(log)
    rebuild(connect("tallystick_tailer"), name)
    assert shown(log) == live
    assert sum(k != v for k, v in read_layout(log).places.items()) == 1


def test_the_projector_goes_on_in_the_new_tables(log: Connection, connect: Connect) -> None:
    story = told()
    write_log(log, story.events[:8])
    one = projector(connect("tallystick_tailer"))
    catch_up(one)
    rebuild(connect("tallystick_tailer"))
    left = tables(log)
    write_log(log, story.events[8:])
    catch_up(one)
    assert one.position == 13
    assert tables(log) == left
    rebuilt = shown(log)
    rebuild(connect("tallystick_tailer"))
    assert shown(log) == rebuilt
