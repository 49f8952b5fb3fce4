"""A projection folded anew: the same rows in another table, and nobody notices the change."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from projections.catalog import CATALOG
from projections.engine.alone import AlreadyRebuilding
from projections.engine.choosing import Choice
from projections.engine.layout import read_layout
from projections.engine.log import Connection
from projections.engine.making import droppable
from projections.engine.mending import Mending, mendable
from projections.engine.progress import Phase, Progress
from projections.engine.projector import Projector
from projections.engine.rebuilding import Rebuild, drop_left
from tests.projections.conftest import Connect
from tests.projections.story import NORTH, Story, stream, write_log
from tests.projections.test_incident_document import DECLARED
from tests.projections.test_projector import (
    catch_up,
    counts_are_right,
    projector,
    tables,
    told,
)
from write_model.incident.events import IncidentAcknowledged, NoteAdded
from write_model.kernel.errors import LogRestored
from write_model.kernel.ids import derived_id, new_id
from write_model.membership.events import MembershipActivated

NAMES = [projection.name for projection in CATALOG.projections]
MENDABLE = mendable(CATALOG)


def rebuild(
    connection: Connection,
    *names: str,
    at_once: int = 100,
    told: Callable[[Progress], None] = lambda _: None,
) -> int:
    """How many events could not be folded."""
    return Rebuild(connection, CATALOG, told, streams_at_once=at_once).of(names or NAMES).parked


def when(phase: Phase, do: Callable[[], object]) -> Callable[[Progress], None]:
    """Does it once, as soon as the rebuild is there."""
    left = [do]

    def told(progress: Progress) -> None:
        if progress.phase is phase and left:
            left.pop()()

    return told


def shown(connection: Connection) -> dict[str, list[Any]]:
    """Every row that is pointed to, by the table that declares it."""
    layout = read_layout(connection)
    return {
        table.name: connection.execute(
            sql.SQL("SELECT t::text FROM {} t ORDER BY 1").format(layout.name(table.name))
        ).fetchall()
        for table in CATALOG.tables()
    }


def followed(log: Connection, connect: Connect, story: Story) -> Projector:
    """A projector that has applied all that has happened."""
    write_log(log, story.events)
    one = projector(connect("tallystick_tailer"))
    catch_up(one)
    return one


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_what_is_rebuilt_equals_what_was_shown(
    log: Connection, connect: Connect, at_once: int
) -> None:
    followed(log, connect, told())
    live = tables(log)
    rebuild(connect("tallystick_tailer"), at_once=at_once)
    places = read_layout(log).places
    assert {places[table.name] for table in CATALOG.tables()}.isdisjoint(live)
    assert shown(log) == live


@pytest.mark.parametrize("name", NAMES)
def test_each_projection_is_rebuilt_alone(log: Connection, connect: Connect, name: str) -> None:
    followed(log, connect, told())
    live = shown(log)
    rebuild(connect("tallystick_tailer"), name, name)
    assert shown(log) == live
    moved = sum(k != v for k, v in read_layout(log).places.items())
    assert moved == len(CATALOG.with_tallies([name]))


def test_what_counts_the_documents_is_rebuilt_with_them(log: Connection, connect: Connect) -> None:
    """Otherwise a count would be of documents that nobody sees any more."""
    followed(log, connect, told())
    live = shown(log)
    wrong = """ SET document = jsonb_set(document::jsonb, '{status}', '"closed"')::text"""
    log.execute("UPDATE projections.incident_v1" + wrong)
    log.execute("UPDATE projections.incident_counts_v1 SET count = count + 7")
    rebuild(connect("tallystick_tailer"), "incident")
    assert shown(log) == live
    assert counts_are_right(log)


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


@pytest.mark.parametrize("many", [1, 250])
@pytest.mark.parametrize("phase", [Phase.FOLDING, Phase.INDEXING, Phase.SWAPPING])
def test_what_happens_meanwhile_is_there_too(
    log: Connection, connect: Connect, phase: Phase, many: int
) -> None:
    """More than the projector may be kept waiting for is caught up with before."""
    story = told()
    one = followed(log, connect, story)

    def go_on() -> None:
        for number in range(many):
            story.tell("forklift", NoteAdded(note=derived_id("note", number), text="It drips"))
        story.tell("press", IncidentAcknowledged())
        story.tell("pallet", DECLARED)
        write_log(log, story.events[13:])
        catch_up(one)

    rebuild(connect("tallystick_tailer"), told=when(phase, go_on))
    live = tables(log)
    assert one.position == 15 + many
    catch_up(one)
    assert shown(log) == live
    assert counts_are_right(log)


def test_a_record_that_is_parked_stays_as_it_was(log: Connection, connect: Connect) -> None:
    write_log(log, told().events)
    log.execute("SET session_replication_role = replica")
    log.execute("UPDATE log.events SET state = '{\"person\": 7}' WHERE notification_id = 7")
    catch_up(projector(connect("tallystick_tailer"), batch=5))
    live = shown(log)
    assert rebuild(connect("tallystick_tailer")) == 0
    assert shown(log) == live


def test_an_event_that_is_skipped_changes_nothing_but_stays_in_the_feed(
    log: Connection, connect: Connect
) -> None:
    followed(log, connect, told())
    log.execute(
        "INSERT INTO projections.skipped (position, stream_id, tenant_id) VALUES (11, %s, %s)",
        (stream("forklift"), NORTH),
    )
    rebuild(connect("tallystick_tailer"))
    [[document]] = log.execute(
        sql.SQL("SELECT document::json->>'status' FROM {} WHERE id = %s").format(
            read_layout(log).name("incident_v1")
        ),
        (stream("forklift"),),
    ).fetchall()
    assert document == "closed"
    assert len(shown(log)["changes_v1"]) == 13


def test_what_cannot_be_folded_is_parked_by_the_rebuild_as_by_the_projector(
    log: Connection, connect: Connect
) -> None:
    """As when the code that folds is another than the projector's was."""
    story = Story()
    story.tell("forklift", DECLARED)
    story.tell("jonas", MembershipActivated())  # nobody was invited
    story.tell("forklift", IncidentAcknowledged())
    story.tell("jonas", MembershipActivated())
    write_log(log, story.events)
    catch_up(projector(connect("tallystick_tailer")))
    live, letters = shown(log), log.execute("SELECT * FROM projections.dead_letters").fetchall()
    log.execute("DELETE FROM projections.dead_letters")
    assert rebuild(connect("tallystick_tailer")) == 2
    feed = "changes_v1"
    assert {**shown(log), feed: []} == {**live, feed: []}
    assert counts_are_right(log)
    assert log.execute("SELECT * FROM projections.dead_letters").fetchall() == letters


def test_a_log_that_was_restored_meanwhile_is_not_followed_from_where_it_was(
    log: Connection, connect: Connect
) -> None:
    story = told()
    one = followed(log, connect, story)

    def restore() -> None:
        log.execute("SET session_replication_role = replica")
        log.execute("DELETE FROM log.events WHERE notification_id > 8")
        log.execute("INSERT INTO log.epochs VALUES (2, 9, now(), 'restored')")
        one.keep()

    with pytest.raises(LogRestored):
        rebuild(connect("tallystick_tailer"), told=when(Phase.SWAPPING, restore))
    live = tables(log)
    assert shown(log) == live
    rebuild(connect("tallystick_tailer"))
    assert shown(log) == live


def test_one_rebuild_at_a_time(log: Connection, connect: Connect) -> None:
    write_log(log, told().events)

    def another() -> None:
        with pytest.raises(AlreadyRebuilding):
            rebuild(connect("tallystick_tailer"))

    rebuild(connect("tallystick_tailer"), told=when(Phase.INDEXING, another))


@pytest.mark.parametrize("phase", list(Phase))
def test_a_rebuild_that_is_killed_leaves_what_is_shown_and_is_begun_again(
    log: Connection, connect: Connect, phase: Phase
) -> None:
    story = told()
    one = followed(log, connect, story)
    killed = connect("tallystick_tailer")

    def more() -> None:
        for number in range(250):
            story.tell("press", NoteAdded(note=derived_id("note", number), text="It drips"))
        write_log(log, story.events[13:])
        catch_up(one)

    def kill() -> None:
        if phase is Phase.INDEXING:
            more()
        end(log, killed)

    def told_(progress: Progress) -> None:
        if phase is Phase.CATCHING_UP and progress.phase is Phase.INDEXING and not one_more:
            one_more.append(1)
            more()
        if progress.phase is phase:
            kill()

    one_more: list[int] = []
    with pytest.raises(psycopg.OperationalError):
        rebuild(killed, told=told_)
    live = tables(log)
    assert shown(log) == live
    left = droppable(log, left_for_s=0)
    assert len(left) == len(NAMES)
    rebuild(connect("tallystick_tailer"))
    assert shown(log) == live
    assert set(droppable(log, left_for_s=0)) == {table.name for table in CATALOG.tables()}


def test_what_a_rebuild_left_is_dropped_when_nobody_can_still_read_it(
    log: Connection, connect: Connect
) -> None:
    write_log(log, told().events)
    tailer = connect("tallystick_tailer")
    rebuild(tailer, "incident_list", "changes")
    assert drop_left(tailer) == []
    log.execute("UPDATE projections.retired SET retired_at = retired_at - interval '2 min'")
    assert drop_left(tailer) == ["changes_v1", "incident_list_v1"]
    assert log.execute("SELECT count(*) FROM projections.retired").fetchone() == (0,)
    rebuild(tailer, "incident_list")
    assert read_layout(log).places["incident_list_v1"] == "incident_list_v1_r3"


def test_what_nobody_projects_cannot_be_rebuilt(connect: Connect) -> None:
    with pytest.raises(KeyError):
        rebuild(connect("tallystick_tailer"), "weather")


def test_a_log_whose_restoring_the_projector_has_not_noticed_is_not_followed_either(
    log: Connection, connect: Connect
) -> None:
    followed(log, connect, told())
    live = shown(log)
    log.execute("INSERT INTO log.epochs VALUES (2, 9, now(), 'restored')")
    with pytest.raises(LogRestored):
        rebuild(connect("tallystick_tailer"), "incident_list")
    assert shown(log) == live


def test_what_only_the_catching_up_cannot_fold_is_parked_too(
    log: Connection, connect: Connect
) -> None:
    """The projector could: it was other code."""
    story = told()
    one = followed(log, connect, story)
    story.tell("forklift", IncidentAcknowledged())
    story.tell("forklift", NoteAdded(note=derived_id("note", 1), text="It drips"))

    def go_on() -> None:
        write_log(log, story.events[13:])
        catch_up(one)
        log.execute("SET session_replication_role = replica")
        log.execute("UPDATE log.events SET state = '[]' WHERE notification_id = 14")

    assert rebuild(connect("tallystick_tailer"), told=when(Phase.INDEXING, go_on)) == 2
    letters = log.execute("SELECT position FROM projections.dead_letters ORDER BY 1").fetchall()
    assert letters == [(14,), (15,)]
    assert counts_are_right(log)
    assert rebuild(connect("tallystick_tailer")) == 0


def test_nothing_is_dropped_while_a_rebuild_fills_it(log: Connection, connect: Connect) -> None:
    write_log(log, told().events)

    def tidy_up() -> None:
        with pytest.raises(AlreadyRebuilding):
            drop_left(connect("tallystick_tailer"))

    rebuild(connect("tallystick_tailer"), told=when(Phase.INDEXING, tidy_up))


def test_a_table_that_somebody_still_reads_stays_and_stands_in_nobodys_way(
    log: Connection, connect: Connect
) -> None:
    write_log(log, told().events)
    tailer, analyst = connect("tallystick_tailer"), connect("postgres")
    rebuild(tailer, "incident_list", "people")
    log.execute("UPDATE projections.retired SET retired_at = retired_at - interval '2 min'")
    with analyst.transaction():
        analyst.execute("SELECT count(*) FROM projections.incident_list_v1")
        assert drop_left(tailer) == ["people_v1"]
        rebuild(tailer, "incident_list")
    assert drop_left(tailer) == ["incident_list_v1"]


_SHAPE = """
    SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %(table)s::regclass
    UNION ALL SELECT attname || format_type(atttypid, atttypmod) || attnotnull || attcollation
      FROM pg_attribute WHERE attrelid = %(table)s::regclass AND attnum > 0
    UNION ALL SELECT relrowsecurity::text || relacl::text || coalesce(reloptions::text, '')
      FROM pg_class WHERE oid = %(table)s::regclass
    UNION ALL SELECT polname || polroles::text || pg_get_expr(polqual, polrelid)
      FROM pg_policy WHERE polrelid = %(table)s::regclass
"""


def test_a_table_that_was_rebuilt_again_and_again_has_the_shape_of_the_first(
    log: Connection, connect: Connect
) -> None:
    write_log(log, told().events)
    first = {table.name: shape(log, table.name, table.name) for table in CATALOG.tables()}
    for _ in range(3):
        rebuild(connect("tallystick_tailer"))
    places = read_layout(log).places
    assert {name: shape(log, place, name) for name, place in places.items()} == first


def shape(log: Connection, place: str, declared: str) -> list[str]:
    """Columns, key, indexes, wall, grants and fill factor, as if by the declared name."""
    found = log.execute(_SHAPE, {"table": f"projections.{place}"}).fetchall()
    return sorted(str(line).replace(place, declared) for (line,) in found)


# What may happen to the projector and to rebuilds, in any order.
Steps = list[tuple[str, int]]
STEPS = ("step", "kill", "other takes over", "rebuild", "rebuild is killed", "mend")


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, len(NAMES))), max_size=12))
def test_whatever_order_things_happen_in_the_rows_are_the_same(
    log: Connection, connect: Connect, steps: Steps
) -> None:
    with contextlib.ExitStack() as stack:

        def another() -> Connection:
            opened = connect("tallystick_tailer")
            stack.callback(opened.close)
            return opened

        go_through(log, another, steps)


def go_through(log: Connection, another: Callable[[], Connection], steps: Steps) -> None:
    begin_again(log)
    if not log.execute("SELECT 1 FROM log.events LIMIT 1").fetchone():
        write_log(log, told().events)
    catch_up(projector(another()))
    at_once = shown(log)
    begin_again(log)
    connection = another()
    one = projector(connection, cached=2)
    for step, size in steps:
        one.batch_events = size
        match step:
            case "step":
                one.step()
            case "kill":
                end(log, connection)
                log.execute("UPDATE projections.checkpoint SET expires_at = '-infinity'")
                connection = another()
                one = projector(connection, cached=2)
            case "other takes over":
                one.close()
                one = projector(connection, new_id(), cached=2)
            case "rebuild":
                rebuild(another(), NAMES[size - 1])
            case "mend":
                mending = Mending(another(), CATALOG, lambda _: None, at_once=size, lets_by_s=0.0)
                mending.of([MENDABLE[size % len(MENDABLE)]], Choice(since=size))
            case _:
                killed = another()
                phase = list(Phase)[size % 3]
                with contextlib.suppress(psycopg.OperationalError):
                    rebuild(killed, told=when(phase, partial(end, log, killed)))
        assert counts_are_right(log)
    catch_up(one)
    assert shown(log) == at_once


def begin_again(log: Connection) -> None:
    """Everything that is shown is empty, wherever it stands; the log stays."""
    for place in read_layout(log).places.values():
        log.execute(sql.SQL("TRUNCATE projections.{}").format(sql.Identifier(place)))
    log.execute("TRUNCATE projections.dead_letters")
    log.execute(
        "UPDATE projections.checkpoint SET position = 0, epoch = 1, expires_at = '-infinity'"
    )


def end(log: Connection, connection: Connection) -> None:
    log.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
