"""A parked record is brought in again, in order, or without the event that nobody can apply."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from projections.catalog import CATALOG
from projections.engine.alone import AlreadyRebuilding
from projections.engine.catalog import Catalog
from projections.engine.checkpoint import Lease, lag
from projections.engine.log import Connection
from projections.engine.progress import Phase
from projections.engine.projection import Row, Values
from projections.engine.projector import Projector
from projections.engine.rebuilding import Rebuild
from projections.engine.repairing import NotParked, Repair, Repaired
from projections.engine.transition import Transition
from projections.history import INCIDENT_TIMELINE
from projections.incident.tables import INCIDENT
from tests.projections.conftest import Connect
from tests.projections.story import MARA, SOUTH, stream, write_log
from tests.projections.test_projector import catch_up, counts_are_right, projector, told
from tests.projections.test_rebuilding import NAMES, begin_again, rebuild, shown, when
from write_model.incident.events import (
    EvidenceAttached,
    IncidentAcknowledged,
    IncidentAssigned,
    IncidentDescribed,
    NoteAdded,
)
from write_model.kernel.errors import LogRestored
from write_model.kernel.ids import derived_id
from write_model.kernel.messages import Recorded

FORKLIFT, CRANE = stream("forklift"), stream("crane")
ASSIGNED = 7
"""Where the forklift's fourth event stands, its version 3."""
UNREADABLE = b'{"person": 7}'


def damage(log: Connection, position: int, state: bytes = UNREADABLE) -> bytes:
    """What an event says cannot be read any more; what it said."""
    log.execute("SET session_replication_role = replica")
    [[before]] = log.execute(
        "SELECT state FROM log.events WHERE notification_id = %s", (position,)
    ).fetchall()
    log.execute("UPDATE log.events SET state = %s WHERE notification_id = %s", (state, position))
    return bytes(before)


def mend(log: Connection, position: int, state: bytes) -> None:
    damage(log, position, state)


def letters(log: Connection) -> list[tuple[Any, ...]]:
    return log.execute(
        "SELECT position, reason FROM projections.dead_letters ORDER BY position"
    ).fetchall()


def retry(connection: Connection, record: UUID = FORKLIFT) -> Repaired:
    return Repair(connection, CATALOG).retry(record)


def skip(connection: Connection, version: int, record: UUID = FORKLIFT) -> Repaired:
    return Repair(connection, CATALOG).skip(record, version, by=MARA, why="It says nothing")


def as_if_never_parked(log: Connection, connect: Connect) -> dict[str, list[Any]]:
    """What is shown of the log as it is now by whoever reads it from its beginning."""
    begin_again(log)
    catch_up(projector(connect("tallystick_tailer")))
    return shown(log)


def test_the_server_keeps_no_statement_for_each_repair(log: Connection, connect: Connect) -> None:
    write_log(log, told().events)
    damage(log, ASSIGNED)
    catch_up(projector(connect("tallystick_tailer")))
    tailer, kept = connect("tallystick_tailer"), list[object]()
    for _ in range(4):
        for _ in range(3):
            retry(tailer)
        kept += tailer.execute("SELECT count(*) FROM pg_prepared_statements", prepare=False)
    assert kept[-1] == kept[-2]


@pytest.mark.parametrize("rebuilt", [False, True])
def test_what_is_mended_is_brought_in_as_if_it_had_never_been_parked(
    log: Connection, connect: Connect, rebuilt: bool
) -> None:
    write_log(log, told().events)
    state = damage(log, ASSIGNED)
    catch_up(projector(connect("tallystick_tailer"), batch=5))
    tailer = connect("tallystick_tailer")
    if rebuilt:
        rebuild(tailer)
    mend(log, ASSIGNED, state)
    assert retry(tailer) == Repaired(applied=4, parked=0, reason=None)
    assert (letters(log), lag(tailer).parked) == ([], 0)
    found = shown(log)
    assert found == as_if_never_parked(log, connect)


def test_what_still_fails_stays_parked_for_the_reason_that_it_has_now(
    log: Connection, connect: Connect
) -> None:
    write_log(log, told().events)
    damage(log, ASSIGNED)
    catch_up(projector(connect("tallystick_tailer")))
    before = shown(log)
    damage(log, ASSIGNED, b"[]")
    repaired = retry(connect("tallystick_tailer"))
    assert (repaired.applied, repaired.parked) == (0, 4)
    [first, *behind] = letters(log)
    assert first == (ASSIGNED, repaired.reason)
    assert "dataclass" in str(repaired.reason)
    assert behind == [(at, "an earlier event of this record is parked") for at in (9, 10, 11)]
    assert shown(log) == before


def test_a_record_is_brought_in_as_far_as_it_can_be(log: Connection, connect: Connect) -> None:
    write_log(log, told().events)
    state = damage(log, ASSIGNED)
    catch_up(projector(connect("tallystick_tailer")))
    mend(log, ASSIGNED, state)
    damage(log, 10, b"[]")
    assert retry(connect("tallystick_tailer")).applied == 2
    assert [position for position, _ in letters(log)] == [10, 11]
    found = shown(log)
    assert found == as_if_never_parked(log, connect)


def test_a_projector_that_runs_meanwhile_goes_on_from_what_was_brought_in(
    log: Connection, connect: Connect
) -> None:
    story = told()
    write_log(log, story.events)
    state = damage(log, ASSIGNED)
    one = projector(connect("tallystick_tailer"))
    catch_up(one)
    mend(log, ASSIGNED, state)
    retry(connect("tallystick_tailer"))
    note = NoteAdded(note=derived_id("note", 1), text="It drips")
    write_log(log, [story.tell("forklift", note), story.tell("forklift", IncidentAcknowledged())])
    catch_up(one)
    found = shown(log)
    assert (one.position, letters(log)) == (15, [])
    assert found == as_if_never_parked(log, connect)


def test_what_is_left_out_is_left_out_for_good_and_everywhere(
    log: Connection, connect: Connect
) -> None:
    write_log(log, told().events)
    damage(log, ASSIGNED)
    one = projector(connect("tallystick_tailer"))
    catch_up(one)
    assert skip(connect("tallystick_tailer"), 3) == Repaired(applied=4, parked=0, reason=None)
    assert log.execute(
        "SELECT position, stream_id, skipped_by, reason FROM projections.skipped"
    ).fetchall() == [(ASSIGNED, FORKLIFT, MARA, "It says nothing")]
    left_out = shown(log)
    [[status, assignee]] = log.execute(
        "SELECT status, assignee FROM projections.incident_list_v1 WHERE id = %s", (FORKLIFT,)
    ).fetchall()
    assert (status, assignee) == ("open", None)
    assert len(left_out["changes_v1"]) == 13
    rebuild(connect("tallystick_tailer"))
    assert shown(log) == left_out
    assert as_if_never_parked(log, connect) == left_out
    assert letters(log) == []


def test_what_a_later_event_wrote_over_stands_in_no_tables_way_any_more(
    log: Connection, connect: Connect
) -> None:
    story = told()
    story.tell("crane", IncidentDescribed(title="It\x00creaks"), tenant=SOUTH)
    story.tell("crane", IncidentDescribed(title="It creaks"), tenant=SOUTH)
    write_log(log, story.events)
    catch_up(projector(connect("tallystick_tailer"), batch=14))
    assert [position for position, _ in letters(log)] == [14, 15]
    assert retry(connect("tallystick_tailer"), CRANE) == Repaired(2, 0, None)
    found = shown(log)
    assert found == as_if_never_parked(log, connect)


def test_what_a_table_refuses_again_is_found_among_the_others(
    log: Connection, connect: Connect
) -> None:
    story = told()
    note = NoteAdded(note=derived_id("note", 1), text="It drips")
    story.tell("crane", note, tenant=SOUTH)
    story.tell("crane", IncidentAssigned(team="No such\x00team"), tenant=SOUTH)
    story.tell("crane", replace(note, note=derived_id("note", 2)), tenant=SOUTH)
    write_log(log, story.events)
    state = damage(log, 14, b"[]")
    catch_up(projector(connect("tallystick_tailer")))
    mend(log, 14, state)
    tailer = connect("tallystick_tailer")
    repaired = retry(tailer, CRANE)
    assert (repaired.applied, repaired.parked) == (1, 2)
    assert str(repaired.reason).startswith("CharacterNotInRepertoire: invalid byte sequence")
    assert [position for position, _ in letters(log)] == [15, 16]
    version = 5
    assert skip(tailer, version, CRANE) == Repaired(applied=2, parked=0, reason=None)
    left_out = shown(log)
    rebuild(connect("tallystick_tailer"))
    assert shown(log) == left_out


def test_a_record_that_was_never_shown_is_brought_in_from_its_beginning(
    log: Connection, connect: Connect
) -> None:
    write_log(log, told().events)
    state = damage(log, 2, b"[]")
    catch_up(projector(connect("tallystick_tailer")))
    mend(log, 2, state)
    assert retry(connect("tallystick_tailer")).applied == 6
    found = shown(log)
    assert found == as_if_never_parked(log, connect)


def test_what_others_showed_longer_than_a_rebuild_could_is_counted_once(
    log: Connection, connect: Connect
) -> None:
    """It parks the record from where it cannot be read any more; nothing else is folded anew."""
    write_log(log, told().events)
    catch_up(projector(connect("tallystick_tailer")))
    state = damage(log, ASSIGNED)
    tailer = connect("tallystick_tailer")
    assert rebuild(tailer, "incident_search") == 4
    damage(log, ASSIGNED, b"[]")
    assert retry(tailer).parked == 4
    assert counts_are_right(log)
    mend(log, ASSIGNED, state)
    assert retry(tailer) == Repaired(applied=4, parked=0, reason=None)
    assert counts_are_right(log)
    found = shown(log)
    assert found == as_if_never_parked(log, connect)


def test_only_the_event_that_was_meant_is_left_out(log: Connection, connect: Connect) -> None:
    write_log(log, told().events)
    damage(log, ASSIGNED)
    damage(log, 9, b"[]")
    catch_up(projector(connect("tallystick_tailer")))
    tailer = connect("tallystick_tailer")
    assert (skip(tailer, 3).applied, len(letters(log))) == (1, 3)
    with pytest.raises(NotParked, match=r"has version 4, not 3; look at the list again"):
        skip(tailer, 3)
    assert skip(tailer, 4).parked == 0


def test_of_a_record_that_is_not_parked_nothing_is_brought_in(
    log: Connection, connect: Connect
) -> None:
    write_log(log, told().events)
    catch_up(projector(connect("tallystick_tailer")))
    with pytest.raises(NotParked, match="No event of this record is parked"):
        retry(connect("tallystick_tailer"))


def test_nothing_is_brought_in_beside_a_rebuild_which_would_lack_it(
    log: Connection, connect: Connect
) -> None:
    write_log(log, told().events)
    state = damage(log, ASSIGNED)
    catch_up(projector(connect("tallystick_tailer")))
    mend(log, ASSIGNED, state)
    tailer = connect("tallystick_tailer")

    def try_it() -> None:
        with pytest.raises(AlreadyRebuilding, match="try again when it has ended"):
            retry(tailer)

    rebuild(connect("tallystick_tailer"), told=when(Phase.INDEXING, try_it))
    assert retry(tailer).parked == 0
    found = shown(log)
    assert found == as_if_never_parked(log, connect)


def test_nothing_is_brought_in_from_a_log_that_was_restored_and_not_followed_yet(
    log: Connection, connect: Connect
) -> None:
    write_log(log, told().events)
    damage(log, ASSIGNED)
    catch_up(projector(connect("tallystick_tailer")))
    log.execute("INSERT INTO log.epochs VALUES (2, 12, now(), 'restored')")
    with pytest.raises(LogRestored):
        retry(connect("tallystick_tailer"))


@pytest.mark.parametrize("kept", [ASSIGNED - 1, ASSIGNED, 10])
def test_a_restored_log_keeps_left_out_what_it_still_has(
    log: Connection, connect: Connect, kept: int
) -> None:
    story = told()
    write_log(log, story.events)
    damage(log, ASSIGNED)
    one = projector(connect("tallystick_tailer"))
    catch_up(one)
    skip(connect("tallystick_tailer"), 3)
    catch_up(one)
    log.execute("DELETE FROM log.events WHERE notification_id > %s", (kept,))
    log.execute("INSERT INTO log.epochs VALUES (2, %s, now(), 'restored')", (kept + 1,))
    one.keep()
    rewound = shown(log)
    assert (one.position, letters(log)) == (kept, [])
    [[skipped]] = log.execute("SELECT count(*) FROM projections.skipped").fetchall()
    assert skipped == (kept >= ASSIGNED)
    rebuild(connect("tallystick_tailer"))
    assert shown(log) == rewound


def other_code(refused: int) -> Catalog:
    """Whose fold refuses one event that the projector's took."""

    def fold(row: Row | None, recorded: Recorded) -> Row:
        if recorded.position == refused:
            raise RuntimeError("It has become stricter.")
        return INCIDENT.fold(row, recorded)

    others = (each for each in CATALOG.projections if each is not INCIDENT)
    return Catalog((replace(INCIDENT, fold=fold), *others))


def test_code_that_cannot_fold_what_is_shown_already_leaves_everything_parked(
    log: Connection, connect: Connect
) -> None:
    write_log(log, told().events)
    state = damage(log, ASSIGNED)
    catch_up(projector(connect("tallystick_tailer")))
    mend(log, ASSIGNED, state)
    before = shown(log)
    repaired = Repair(connect("tallystick_tailer"), other_code(refused=4)).retry(FORKLIFT)
    assert repaired == Repaired(applied=0, parked=4, reason="RuntimeError")
    feed = "changes_v1"  # which can tell by now what the event says
    assert {**shown(log), feed: []} == {**before, feed: []}


def refusing_to_tell(refused: int) -> Catalog:
    """Whose timeline refuses one event, also while it is parked."""

    def rows(transition: Transition) -> tuple[Values, ...]:
        if transition.recorded.position == refused:
            raise RuntimeError("It has become stricter.")
        return INCIDENT_TIMELINE.rows(transition)

    others = (each for each in CATALOG.projections if each is not INCIDENT_TIMELINE)
    return Catalog((*others, replace(INCIDENT_TIMELINE, rows=rows)))


def test_an_event_that_only_a_feed_refuses_is_parked_alike_by_all(
    log: Connection, connect: Connect
) -> None:
    write_log(log, told().events)
    stricter, tailer = refusing_to_tell(9), connect("tallystick_tailer")
    catch_up(Projector(tailer, stricter, Lease(UUID(int=1))))
    live, parked = shown(log), letters(log)
    assert [position for position, _ in parked] == [9, 10, 11]
    as_if_never_parked(log, connect)
    Rebuild(tailer, stricter, lambda _: None).of([each.name for each in stricter.projections])
    assert (shown(log), letters(log)) == (live, parked)
    assert Repair(tailer, stricter).retry(FORKLIFT) == Repaired(0, 3, "RuntimeError")
    assert (shown(log), letters(log)) == (live, parked)
    assert retry(tailer).applied == 3
    found = shown(log)
    assert found == as_if_never_parked(log, connect)


def test_an_event_that_no_feed_can_tell_is_told_of_without_what_it_says(
    log: Connection, connect: Connect
) -> None:
    """As a number that JSON does not hold, which refuses the document as well."""
    story = told()
    picture = EvidenceAttached(
        evidence=derived_id("evidence", 1),
        object_key="floor",
        sha256="0" * 64,
        size=2**70,
        media_type="image/png",
    )
    story.tell("forklift", picture)
    story.tell("press", IncidentAcknowledged())
    write_log(log, story.events)
    catch_up(projector(connect("tallystick_tailer")))
    assert [position for position, _ in letters(log)] == [14]
    live = shown(log)
    [[item]] = log.execute(
        "SELECT item::json FROM projections.changes_v1 WHERE position = 14"
    ).fetchall()
    assert (item["type"], item["changes"]) == ("incident.evidence_attached", [])
    log.execute("DELETE FROM projections.dead_letters")
    rebuild(connect("tallystick_tailer"))
    assert [position for position, _ in letters(log)] == [14]
    assert shown(log) == live


_REFUSE = """
    CREATE FUNCTION projections.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION USING ERRCODE = TG_ARGV[0], MESSAGE = 'Not now.'; END $$
"""
PASSING = ("08006", "25006", "40001", "40P01", "42501", "53100", "53200", "55P03", "57014", "XX000")


@pytest.mark.parametrize("sqlstate", PASSING)
def test_a_trouble_of_the_database_parks_nothing_and_is_tried_again(
    log: Connection, connect: Connect, sqlstate: str
) -> None:
    write_log(log, told().events)
    one = projector(connect("tallystick_tailer"), batch=5)
    refuse(log, sqlstate)
    with pytest.raises(psycopg.Error) as refused:
        one.step()
    assert (refused.value.sqlstate, letters(log)) == (sqlstate, [])
    log.execute("DROP TRIGGER refuse ON projections.incident_v1")
    catch_up(projector(connect("tallystick_tailer")))
    assert (len(shown(log)["incident_v1"]), letters(log)) == (3, [])


def refuse(log: Connection, sqlstate: str, table: str = "incident_v1") -> None:
    """Nothing is written there for now, no document where none is named."""
    log.execute(_REFUSE)
    made = sql.SQL(
        "CREATE TRIGGER refuse BEFORE INSERT ON {} EXECUTE FUNCTION projections.refuse({})"
    )
    log.execute(made.format(sql.Identifier("projections", table), sql.Literal(sqlstate)))


def test_a_memory_that_is_full_parks_nothing(log: Connection, connect: Connect) -> None:
    write_log(log, told().events)

    def fold(row: Row | None, recorded: Recorded) -> Row:
        raise MemoryError

    lease = Lease(MARA, lasts=timedelta(seconds=60))
    catalog = Catalog((replace(INCIDENT, fold=fold),))
    with pytest.raises(MemoryError):
        Projector(connect("tallystick_tailer"), catalog, lease).step()
    assert letters(log) == []


@pytest.mark.parametrize("table", ["incident_v1", "incident_timeline_v1"])
def test_a_trouble_of_the_database_leaves_a_parked_record_as_it_was(
    log: Connection, connect: Connect, table: str
) -> None:
    """While it is put back to where it was parked, or when its events are applied."""
    write_log(log, told().events)
    state = damage(log, ASSIGNED)
    catch_up(projector(connect("tallystick_tailer")))
    mend(log, ASSIGNED, state)
    before, parked = shown(log), letters(log)
    refuse(log, "53100", table)
    tailer = connect("tallystick_tailer")
    with pytest.raises(psycopg.errors.DiskFull):
        retry(tailer)
    assert (shown(log), letters(log)) == (before, parked)
    log.execute(sql.SQL("DROP TRIGGER refuse ON projections.{}").format(sql.Identifier(table)))
    assert retry(tailer).parked == 0


# What may happen while some events cannot be read, in any order.
Steps = list[tuple[str, int]]
STEPS = ("step", "kill", "retry", "rebuild", "damage", "mend")


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 13)), max_size=14), st.booleans())
def test_whenever_records_are_parked_and_retried_the_rows_are_the_same(
    log: Connection, connect: Connect, steps: Steps, left_out: bool
) -> None:
    with contextlib.ExitStack() as stack:

        def another() -> Connection:
            opened = connect("tallystick_tailer")
            stack.callback(opened.close)
            return opened

        start_again(log)
        states = go_through(log, another, steps)
        finish(log, another(), states, left_out=left_out)
        found = shown(log)
        begin_again(log)
        catch_up(projector(another()))
        assert (found, letters(log)) == (shown(log), [])


def start_again(log: Connection) -> None:
    """The same log, undamaged, and nothing shown of it."""
    begin_again(log)
    log.execute("TRUNCATE projections.skipped")
    log.execute("SET session_replication_role = replica")
    log.execute("DELETE FROM log.events")
    write_log(log, told().events)


def go_through(
    log: Connection, another: Callable[[], Connection], steps: Steps
) -> dict[int, bytes]:
    """What the events said that are damaged in the end."""
    one, states, tailer = projector(another(), cached=2), dict[int, bytes](), another()
    for step, number in steps:
        match step:
            case "step":
                one.batch_events = number
                one.step()
            case "kill":
                log.execute("UPDATE projections.checkpoint SET expires_at = '-infinity'")
                one = projector(another(), cached=2)
            case "retry":
                of_all(log, lambda id_, _: retry(tailer, id_))
            case "rebuild":
                rebuild(tailer, *NAMES[number - 1 : number])  # One, or all.
            case "damage" if number not in states:
                states[number] = damage(log, number, b"[]")
            case "mend" if number in states:
                mend(log, number, states.pop(number))
            case _:
                pass
    catch_up(one)
    return states


def finish(
    log: Connection, tailer: Connection, states: dict[int, bytes], *, left_out: bool
) -> None:
    """Mend whatever is damaged and retry it, or leave it out."""
    if left_out:
        rebuild(tailer)  # Which notices what was damaged when it was shown already.
    else:
        for number, state in states.items():
            mend(log, number, state)
    of_all(log, lambda id_, _: retry(tailer, id_))
    while letters(log):
        of_all(log, lambda id_, version: skip(tailer, version, id_))


def of_all(log: Connection, do: Callable[[UUID, int], object]) -> None:
    parked = log.execute(
        "SELECT stream_id, min(version) FROM projections.dead_letters GROUP BY 1"
    ).fetchall()
    for record, version in parked:
        do(record, version)
