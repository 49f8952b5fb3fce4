"""The projector on a real log: every table in step, whatever the batches and whoever dies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from structlog.testing import capture_logs

from projections.catalog import CATALOG
from projections.engine.checkpoint import Lease, lag, pause, resume
from projections.engine.layout import read_layout
from projections.engine.log import Connection
from projections.engine.projection import TableSpec
from projections.engine.projector import Projector
from tests.projections.conftest import Connect
from tests.projections.story import JONAS, NORTH, SOUTH, Story, stream, write_log
from tests.projections.test_incident_document import DECLARED
from tests.projections.test_people import INVITED
from write_model.incident.events import (
    IncidentAcknowledged,
    IncidentAssigned,
    IncidentClosed,
    IncidentReopened,
    IncidentResolved,
    NoteAdded,
    Status,
)
from write_model.kernel.errors import HoleInLog
from write_model.membership.events import MembershipActivated
from write_model.organization.events import OrganizationFounded

FIRST, SECOND = UUID(int=1), UUID(int=2)


def told() -> Story:
    """Two organizations, two forklifts and one person: 13 events."""
    story = Story()
    story.tell("north", OrganizationFounded(name="Northern warehouses"))
    story.tell("forklift", DECLARED)
    story.tell("jonas", INVITED)
    story.tell("forklift", IncidentAcknowledged())
    story.tell("crane", DECLARED, tenant=SOUTH)
    story.tell("jonas", MembershipActivated())
    story.tell("forklift", IncidentAssigned(person=JONAS))
    story.tell("crane", NoteAdded(note=FIRST, text='A "quoted" note'), tenant=SOUTH)
    story.tell("forklift", IncidentResolved(resolution="The seal was replaced"))
    story.tell("forklift", IncidentClosed(deviations=("review", 'a "b" \\c')))
    story.tell("forklift", IncidentReopened(from_status=Status.CLOSED, reason="It drips"))
    story.tell("crane", IncidentAcknowledged(), tenant=SOUTH)
    story.tell("press", DECLARED)
    return story


def projector(
    connection: Connection, holder: UUID = FIRST, *, batch: int = 2_000, cached: int = 100
) -> Projector:
    lease = Lease(holder, lasts=timedelta(seconds=60))
    return Projector(connection, CATALOG, lease, batch_events=batch, cached_rows=cached)


def catch_up(one: Projector) -> int:
    applied = 0
    while events := one.step():
        applied += events
    return applied


def tables(connection: Connection) -> dict[str, list[Any]]:
    """Everything that is shown."""
    return {
        table.name: connection.execute(
            sql.SQL("SELECT t::text FROM projections.{} t ORDER BY 1").format(named(table))
        ).fetchall()
        for table in CATALOG.tables()
    }


def start_again(connection: Connection) -> None:
    for table in CATALOG.tables():
        connection.execute(sql.SQL("TRUNCATE projections.{}").format(named(table)))
    connection.execute("TRUNCATE projections.dead_letters")
    connection.execute(
        "UPDATE projections.checkpoint SET position = 0, epoch = 1, expires_at = '-infinity'"
    )


_RECOUNT: LiteralString = (
    "SELECT tenant_id, document::json ->> 'status', coalesce(document::json ->> 'severity', ''),"
    " coalesce(document::json ->> 'team', ''), count(*) FROM {}"
    " GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
)
_COUNTS: LiteralString = (
    "SELECT tenant_id, status, severity, team, count FROM {} ORDER BY 1, 2, 3, 4"
)


def counts_are_right(log: Connection) -> bool:
    """Whether the tally equals a recount of the documents that are shown."""
    layout = read_layout(log)
    told = sql.SQL(_COUNTS).format(layout.name("incident_counts_v1"))
    recount = sql.SQL(_RECOUNT).format(layout.name("incident_v1"))
    return log.execute(told).fetchall() == log.execute(recount).fetchall()


def named(table: TableSpec) -> sql.Identifier:
    return sql.Identifier(table.name)


def one_value(connection: Connection, query: LiteralString | sql.Composed, *parameters: Any) -> Any:
    [[value]] = connection.execute(query, parameters).fetchall()
    return value


def test_every_event_reaches_every_table_that_hears_it(log: Connection, connect: Connect) -> None:
    story = told()
    write_log(log, story.events)
    tailer = connect("tallystick_tailer")
    one = projector(tailer)
    assert one.position is None
    assert catch_up(one) == len(story.events) == one.position
    counts = {name: len(rows) for name, rows in tables(log).items()}
    assert counts == {
        "incident_v1": 3,
        "incident_list_v1": 3,
        "incident_counts_v1": 2,
        "incident_figures_v1": 3,
        "incident_search_v1": 3,
        "people_v1": 1,
        "incident_versions_v1": 9,
        "incident_timeline_v1": 10,
        "changes_v1": 13,
    }
    row = log.execute(
        "SELECT status, reopened, deviations, assignee FROM projections.incident_list_v1"
        " WHERE id = %s",
        (stream("forklift"),),
    ).fetchone()
    assert row == ("open", 1, ["review", 'a "b" \\c'], JONAS)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(batches=st.lists(st.integers(1, 13), min_size=1, max_size=13), cached=st.integers(1, 4))
def test_any_batching_of_the_same_events_gives_the_same_rows(
    log: Connection, connect: Connect, batches: list[int], cached: int
) -> None:
    start_again(log)
    if not one_value(log, "SELECT count(*) FROM log.events"):
        write_log(log, told().events)
    catch_up(projector(connect("tallystick_tailer")))
    at_once = tables(log)
    start_again(log)
    one = projector(connect("tallystick_tailer"), cached=cached)
    for size in batches:
        one.batch_events = size
        one.step()
    one.batch_events = 2_000
    catch_up(one)
    assert tables(log) == at_once


def test_a_killed_projector_is_continued_exactly_where_it_was(
    log: Connection, connect: Connect
) -> None:
    write_log(log, told().events)
    catch_up(projector(connect("tallystick_tailer")))
    at_once = tables(log)
    start_again(log)
    killed = connect("tallystick_tailer")
    one = projector(killed, batch=4)
    one.step()
    log.execute("SELECT pg_terminate_backend(%s)", (killed.info.backend_pid,))
    with pytest.raises(psycopg.OperationalError):
        one.step()
    catch_up(projector(connect("tallystick_tailer"), batch=4))
    assert tables(log) == at_once


def test_a_second_projector_stands_by_until_the_lease_is_released_or_runs_out(
    log: Connection, connect: Connect
) -> None:
    write_log(log, told().events)
    first = projector(connect("tallystick_tailer"), batch=3)
    second = projector(connect("tallystick_tailer"), SECOND, batch=3)
    assert (first.step(), second.step()) == (3, 0)
    assert second.position is None
    first.close()
    assert second.step() == 3
    log.execute("UPDATE projections.checkpoint SET expires_at = clock_timestamp()")
    assert first.step() == 3


def test_a_projector_that_lost_its_lease_writes_nothing(log: Connection, connect: Connect) -> None:
    write_log(log, told().events)
    first = projector(connect("tallystick_tailer"), batch=3)
    second = projector(connect("tallystick_tailer"), SECOND, batch=3)
    first.step()
    log.execute("UPDATE projections.checkpoint SET expires_at = '-infinity'")
    second.step()
    before = tables(log)
    first.step()
    assert first.position is None
    assert tables(log) == before
    second.keep()
    assert second.position == 6
    first.keep()
    assert first.position is None


def test_the_lease_is_lost_to_whoever_took_it_while_we_slept(
    log: Connection, connect: Connect
) -> None:
    first = projector(connect("tallystick_tailer"))
    first.step()
    log.execute("UPDATE projections.checkpoint SET holder = %s", (SECOND,))
    first.keep()
    assert first.position is None


def test_pausing_stops_everything_and_resuming_goes_on(log: Connection, connect: Connect) -> None:
    write_log(log, told().events)
    tailer = connect("tallystick_tailer")
    one = projector(tailer, batch=3)
    one.step()
    pause(tailer)
    assert one.step() == 3  # read, but refused
    assert one.step() == 0
    found = lag(tailer)
    assert (found.position, found.behind, found.paused) == (3, 10, True)
    assert found.waiting_for != timedelta()
    resume(tailer)
    assert catch_up(one) == 10
    found = lag(tailer)
    assert (found.behind, found.waiting_for, found.paused, found.held) == (
        0,
        timedelta(),
        False,
        True,
    )


def test_a_hole_in_the_log_stops_the_projector_before_it(log: Connection, connect: Connect) -> None:
    story = told()
    write_log(log, [recorded for recorded in story.events if recorded.position != 4])
    one = projector(connect("tallystick_tailer"))
    with pytest.raises(HoleInLog) as hole:
        one.step()
    assert hole.value.position == 4
    assert one.position == 0


def test_an_unreadable_event_parks_its_record_and_nothing_else(
    log: Connection, connect: Connect
) -> None:
    write_log(log, told().events)
    log.execute("SET session_replication_role = replica")
    log.execute("UPDATE log.events SET state = '{\"person\": 7}' WHERE notification_id = 7")
    tailer = connect("tallystick_tailer")
    catch_up(projector(tailer, batch=5))
    letters = log.execute(
        "SELECT position, reason FROM projections.dead_letters ORDER BY position"
    ).fetchall()
    assert [position for position, _ in letters] == [7, 9, 10, 11]
    assert "uuid" in letters[0][1]
    assert letters[1][1] == "an earlier event of this record is parked"
    assert lag(tailer).parked == 1
    assert counts_are_right(log)
    assert one_value(log, "SELECT count(*) FROM projections.changes_v1") == 13
    told_of_it = "SELECT item::json->>'reason' FROM projections.changes_v1 WHERE position = 7"
    assert one_value(log, told_of_it) is None
    statuses: dict[UUID, str] = dict(
        log.execute("SELECT id, status FROM projections.incident_list_v1").fetchall()
    )
    assert statuses == {
        stream("forklift"): "in_progress",
        stream("crane"): "in_progress",
        stream("press"): "open",
    }


def test_an_event_of_a_schema_that_leads_nowhere_parks_its_record(
    log: Connection, connect: Connect
) -> None:
    write_log(log, told().events)
    log.execute("SET session_replication_role = replica")
    log.execute("UPDATE log.events SET schema_version = 0 WHERE notification_id = 7")
    catch_up(projector(connect("tallystick_tailer"), batch=5))
    reason = one_value(log, "SELECT reason FROM projections.dead_letters WHERE position = 7")
    assert reason == "it cannot be brought up to the present schema"


def test_an_event_that_a_table_refuses_is_found_by_halving_the_batch(
    log: Connection, connect: Connect
) -> None:
    story = told()
    story.tell("crane", IncidentAssigned(team="No such\x00team"), tenant=SOUTH)
    story.tell("forklift", IncidentAcknowledged())
    write_log(log, story.events)
    catch_up(projector(connect("tallystick_tailer")))
    [letter] = log.execute("SELECT position, reason FROM projections.dead_letters").fetchall()
    assert letter[0] == 14
    assert letter[1].startswith("CharacterNotInRepertoire: invalid byte sequence")
    assert one_value(log, "SELECT max(position) FROM projections.changes_v1") == 15
    assert counts_are_right(log)


def test_a_restored_log_is_followed_on_its_new_branch(log: Connection, connect: Connect) -> None:
    story = told()
    write_log(log, story.events)
    tailer = connect("tallystick_tailer")
    one = projector(tailer)
    catch_up(one)
    start_again(log)
    log.execute("SET session_replication_role = replica")
    log.execute("DELETE FROM log.events WHERE notification_id > 8")
    catch_up(projector(connect("tallystick_tailer")))
    at_branch = tables(log)
    start_again(log)
    log.execute("DELETE FROM log.events")
    write_log(log, story.events)
    one = projector(tailer)
    catch_up(one)
    log.execute("DELETE FROM log.events WHERE notification_id > 8")
    log.execute("INSERT INTO log.epochs (epoch, first_position, reason) VALUES (2, 9, 'restored')")
    one.keep()
    assert one.position == 8
    assert tables(log) == at_branch
    assert one_value(log, "SELECT epoch FROM projections.checkpoint") == 2


def test_a_promotion_that_lost_nothing_rewinds_nothing(log: Connection, connect: Connect) -> None:
    write_log(log, told().events)
    one = projector(connect("tallystick_tailer"))
    catch_up(one)
    before = tables(log)
    log.execute("INSERT INTO log.epochs (epoch, first_position, reason) VALUES (2, 14, 'promoted')")
    one.keep()
    assert (one.position, tables(log)) == (13, before)


def test_two_organizations_see_nothing_of_each_other(log: Connection, connect: Connect) -> None:
    write_log(log, told().events)
    catch_up(projector(connect("tallystick_tailer")))
    app = connect("tallystick_app")
    for table in CATALOG.tables():
        every = sql.SQL("SELECT count(*) FROM projections.{}").format(named(table))
        assert one_value(app, every) == 0
    app.execute("SELECT set_config('app.tenant', %s, false)", (str(SOUTH),))
    for table in CATALOG.tables():
        others = sql.SQL("SELECT count(*) FROM projections.{} WHERE tenant_id = %s")
        assert one_value(app, others.format(named(table)), NORTH) == 0
    assert one_value(app, "SELECT max(tenant_position) FROM projections.changes_v1") == 3
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("SELECT position FROM projections.checkpoint")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("DELETE FROM projections.incident_v1")


def test_the_tables_have_the_columns_that_their_specs_declare(log: Connection) -> None:
    for table in CATALOG.tables():
        columns = log.execute(
            "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
            (f"projections.{table.name}",),
        ).fetchall()
        every = (*table.columns, *table.generated)
        assert [name for name, _ in columns] == [column.name for column in every]


def test_each_projection_has_a_pointer_to_its_present_table(log: Connection) -> None:
    pointers = log.execute("SELECT name, version, table_name FROM projections.current").fetchall()
    declared = {(each.name, each.version, each.table.name) for each in CATALOG.projections}
    assert set(pointers) == declared


def test_a_record_that_makes_a_fold_fail_is_parked_with_the_kind_of_failure(
    log: Connection, connect: Connect
) -> None:
    story = Story()
    story.tell("jonas", MembershipActivated())  # nobody was invited
    story.tell("forklift", DECLARED)
    write_log(log, story.events)
    with capture_logs() as logs:
        catch_up(projector(connect("tallystick_tailer")))
    letters = log.execute("SELECT position, reason FROM projections.dead_letters").fetchall()
    assert letters == [(1, "KeyError")]
    [told] = [each for each in logs if each["event"] == "projector.parked"]
    assert (told["log_level"], told["type"]) == ("error", "membership.activated")
    assert (told["tenant_position"], told["reason"]) == (1, "KeyError")
    assert one_value(log, "SELECT count(*) FROM projections.incident_v1") == 1
