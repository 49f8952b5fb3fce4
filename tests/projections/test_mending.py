"""Some records folded anew in the tables that are read: exactly these, and nobody notices."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from projections.catalog import CATALOG
from projections.engine.alone import AlreadyRebuilding, alone
from projections.engine.catalog import Catalog
from projections.engine.checkpoint import lag
from projections.engine.choosing import Choice
from projections.engine.layout import read_layout
from projections.engine.log import Connection
from projections.engine.mending import Mended, Mending, NotByRecord
from projections.engine.progress import Phase, Progress
from projections.engine.projection import Row
from projections.engine.versions import OtherRelease
from projections.incident.tables import INCIDENT
from tests.embedded import Database
from tests.embedded import until as until_outside
from tests.projections.conftest import Connect
from tests.projections.story import NORTH, SOUTH, Story, stream, write_log
from tests.projections.test_incident_document import DECLARED
from tests.projections.test_projector import catch_up, projector, told
from tests.projections.test_rebuilding import end, followed, rebuild, shown, when
from tests.workers.projector.test_running import has_reached, running, until
from write_model.incident.events import IncidentAcknowledged, IncidentDescribed, NoteAdded
from write_model.kernel.errors import LogRestored
from write_model.kernel.ids import derived_id
from write_model.kernel.messages import Recorded
from write_model.membership.events import MembershipActivated


def mend(
    connection: Connection, *names: str, at_once: int = 3, catalog: Catalog = CATALOG, **by: object
) -> Mended:
    choice = Choice(**by)  # type: ignore[arg-type]  # the fields of a choice, by name
    return Mending(connection, catalog, lambda _: None, at_once).of(names, choice)


def damage(log: Connection, *names: str) -> None:
    """Every incident has another title and is listed nowhere; nothing has happened."""
    name = read_layout(log).name
    document = sql.SQL("UPDATE {} SET document = replace(document, 'leaks oil', 'is fine')")
    log.execute(document.format(name("incident_v1")))
    for table in ("incident_list_v1", "changes_v1", "people_v1"):
        log.execute(sql.SQL("DELETE FROM {}").format(name(table)))


def rows_of(log: Connection, streams: set[UUID]) -> set[str]:
    """The rows that name one of these records."""
    ids = [str(each) for each in streams]
    rows = [row for rows in shown(log).values() for (row,) in rows]
    return {row for row in rows if any(each in row for each in ids)}


FORKLIFT, CRANE, PRESS = stream("forklift"), stream("crane"), stream("press")
ALL = {FORKLIFT, CRANE, PRESS, stream("jonas"), stream("north")}


@pytest.mark.parametrize(
    ("choice", "mended"),
    [
        (Choice(), ALL),
        (Choice(tenant=SOUTH), {CRANE}),
        (Choice(tenant=NORTH, kind="incident"), {FORKLIFT, PRESS}),
        (Choice(stream=FORKLIFT), {FORKLIFT}),
        (Choice(stream=FORKLIFT, tenant=SOUTH), set[UUID]()),
        (Choice(kind="membership"), {stream("jonas")}),
        (Choice(since=11), {FORKLIFT, CRANE, PRESS}),
        (Choice(since=8, tenant=SOUTH), {CRANE}),
        (Choice(since=13), {PRESS}),
        (Choice(since=99), set[UUID]()),
    ],
    ids=str,
)
def test_what_was_chosen_is_restored_and_nothing_else(
    log: Connection, connect: Connect, choice: Choice, mended: set[UUID]
) -> None:
    followed(log, connect, told())
    right = rows_of(log, mended)
    damage(log)
    wrong = rows_of(log, ALL - mended)
    found = Mending(connect("tallystick_tailer"), CATALOG, lambda _: None, 3).of([], choice)
    assert found.records == len(mended)
    assert rows_of(log, mended) == right
    assert rows_of(log, ALL - mended) == wrong


@pytest.mark.parametrize("are_right", [True, False])
def test_counts_are_made_anew_when_a_mended_record_is_counted_otherwise(
    log: Connection, connect: Connect, are_right: bool
) -> None:
    """Whether they had followed the damage or not."""
    write_log(log, told().events)
    catch_up(projector(connect("tallystick_tailer")))
    right = shown(log)
    name = read_layout(log).name
    document = sql.SQL("UPDATE {} SET document = replace(document, 'sev2', 'sev4') WHERE id = %s")
    log.execute(document.format(name("incident_v1")), (FORKLIFT,))
    if not are_right:
        log.execute(sql.SQL("DELETE FROM {}").format(name("incident_counts_v1")))
    found = mend(connect("tallystick_tailer"), "incident", stream=FORKLIFT)
    assert found.recounted == {"incident_counts"}
    assert shown(log) == right
    assert mend(connect("tallystick_tailer"), "incident", stream=FORKLIFT).recounted == set()


@pytest.mark.parametrize("begun_again", ["the same command", "any mending", "any rebuild"])
def test_a_mending_that_is_killed_before_it_counts_is_followed_by_the_count(
    log: Connection, connect: Connect, begun_again: str
) -> None:
    write_log(log, told().events)
    catch_up(projector(connect("tallystick_tailer")))
    right = shown(log)
    name = read_layout(log).name
    document = sql.SQL("UPDATE {} SET document = replace(document, 'sev2', 'sev4') WHERE id = %s")
    log.execute(document.format(name("incident_v1")), (FORKLIFT,))
    log.execute(sql.SQL("DELETE FROM {}").format(name("incident_counts_v1")))
    killed = connect("tallystick_tailer")
    mending = Mending(killed, CATALOG, when(Phase.INDEXING, partial(end, log, killed)))
    with pytest.raises(psycopg.OperationalError):
        mending.of(["incident"], Choice(stream=FORKLIFT))
    assert shown(log)["incident_v1"] == right["incident_v1"]
    assert shown(log)["incident_counts_v1"] != right["incident_counts_v1"]
    tailer = connect("tallystick_tailer")
    match begun_again:
        case "the same command":
            assert mend(tailer, "incident", stream=FORKLIFT).recounted == {"incident_counts"}
        case "any mending":
            assert mend(tailer, "people", stream=CRANE).recounted == {"incident_counts"}
        case _:
            rebuild(tailer, "people")
    assert shown(log) == right
    assert mend(tailer, "incident", stream=FORKLIFT).recounted == set()


def test_only_the_projections_that_are_named_are_mended(log: Connection, connect: Connect) -> None:
    followed(log, connect, told())
    right = shown(log)
    damage(log)
    wrong = shown(log)
    mend(connect("tallystick_tailer"), "incident_list", "changes")
    listed = ("incident_list_v1", "changes_v1")
    assert shown(log) == {**wrong, **{name: right[name] for name in listed}}


def test_the_tables_of_a_rebuild_are_mended_where_they_are_now(
    log: Connection, connect: Connect
) -> None:
    followed(log, connect, told())
    rebuild(connect("tallystick_tailer"))
    right = shown(log)
    damage(log)
    mend(connect("tallystick_tailer"))
    assert shown(log) == right


def test_the_projector_writes_nothing_that_it_remembers_from_before(
    log: Connection, connect: Connect
) -> None:
    story = told()
    write_log(log, story.events)
    catch_up(projector(connect("tallystick_tailer")))
    log.execute("UPDATE projections.checkpoint SET expires_at = '-infinity'")
    damage(log)
    one = projector(connect("tallystick_tailer"), batch=1)
    write_log(log, [story.tell("forklift", IncidentAcknowledged())])
    catch_up(one)  # It has read the damaged document.
    mend(connect("tallystick_tailer"))
    write_log(log, [story.tell("forklift", IncidentDescribed(description="Under the mast"))])
    catch_up(one)
    live = shown(log)
    rebuild(connect("tallystick_tailer"))
    assert shown(log) == live
    assert '"The forklift leaks oil"' in str(live["incident_v1"])


def test_a_record_that_is_parked_stays_so_and_what_cannot_be_folded_is_parked(
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
    assert mend(connect("tallystick_tailer")).parked == 0
    assert shown(log) == live
    log.execute("DELETE FROM projections.dead_letters")
    assert mend(connect("tallystick_tailer")).parked == 2
    assert log.execute("SELECT * FROM projections.dead_letters").fetchall() == letters


def test_while_a_projector_runs_whoever_reads_sees_no_half_of_a_record(
    database: Database, log: Connection, connect: Connect
) -> None:
    """Of each incident the document, its line in the list and its events, or an older set."""
    story, ended = told(), threading.Event()
    write_log(log, story.events)
    halves: list[object] = []
    with running(database):
        until(log, partial(has_reached, 13))
        reading = threading.Thread(target=look, args=(connect("postgres"), ended, halves))
        reading.start()
        for number in range(20):
            write_log(log, [story.tell("crane", note(number), tenant=SOUTH)])
            mend(connect("tallystick_tailer"), at_once=1)
        until(log, partial(has_reached, 33))
        until_outside(lambda: len(halves) > 20, "it was looked often enough")
        ended.set()
        reading.join()
    assert set(halves) == {(3, 3, True)}
    live = shown(log)
    rebuild(connect("tallystick_tailer"))
    assert shown(log) == live


def note(number: int) -> NoteAdded:
    return NoteAdded(note=derived_id("note", number), text="It drips")


def look(connection: Connection, ended: threading.Event, seen: list[object]) -> None:
    """How many documents and lines there are, and whether the feed has come as far as they."""
    while not ended.is_set():
        seen.extend(
            connection.execute(
                "SELECT (SELECT count(*) FROM projections.incident_v1),"
                " (SELECT count(*) FROM projections.incident_list_v1),"
                " (SELECT bool_and(version = (SELECT count(*) FROM projections.changes_v1 c"
                "   WHERE c.stream_id = d.id)) FROM projections.incident_v1 d)"
            )
        )


def test_the_projector_goes_on_between_the_batches_of_a_mending(
    database: Database, log: Connection, connect: Connect
) -> None:
    story, positions = Story(), list[int]()
    for number in range(30):
        story.tell(f"incident {number}", DECLARED)
    write_log(log, story.events)

    def append(_: Progress) -> None:
        positions.append(lag(log).position)
        write_log(log, [story.tell("incident 0", note(len(positions)))])

    with running(database):
        until(log, partial(has_reached, 30))
        patient = partial(Mending, lets_by_s=20)
        patient(connect("tallystick_tailer"), CATALOG, append, at_once=1).of([], Choice())
    assert len(positions) >= 30
    assert len(set(positions)) > len(positions) * 0.9


def test_a_projector_that_does_not_go_on_is_not_waited_for_long(
    log: Connection, connect: Connect
) -> None:
    story = told()
    one = followed(log, connect, story)
    write_log(log, [story.tell("press", IncidentAcknowledged())])
    lets_by = partial(Mending, connect("tallystick_tailer"), CATALOG, lambda _: None, at_once=100)
    assert lets_by(lets_by_s=0.2).of([], Choice()).seconds > 0.2
    one.close()
    assert lets_by(lets_by_s=60).of([], Choice()).seconds < 60


def test_the_server_keeps_no_statement_for_each_batch(log: Connection, connect: Connect) -> None:
    followed(log, connect, told())
    tailer, kept = connect("tallystick_tailer"), list[object]()
    for _ in range(4):
        for _ in range(3):
            mend(tailer, at_once=1)
        kept += tailer.execute("SELECT count(*) FROM pg_prepared_statements", prepare=False)
    assert kept[-1] == kept[-2]


def test_what_nobody_projects_cannot_be_mended(log: Connection, connect: Connect) -> None:
    with pytest.raises(KeyError):
        mend(connect("tallystick_tailer"), "weather")
    with pytest.raises(NotByRecord, match="incident_counts has no rows of single records"):
        mend(connect("tallystick_tailer"), "incident_counts")


def test_tables_of_another_release_are_not_mended(log: Connection, connect: Connect) -> None:
    newer = Catalog(tuple(replace(each, version=2) for each in CATALOG.projections))
    with pytest.raises(OtherRelease, match="in version 1; this release makes version 2"):
        mend(connect("tallystick_tailer"), catalog=newer)


def test_beside_another_rebuild_nothing_is_mended(log: Connection, connect: Connect) -> None:
    with alone(connect("tallystick_tailer")), pytest.raises(AlreadyRebuilding):
        mend(connect("tallystick_tailer"))


def test_a_log_that_was_restored_meanwhile_is_followed_no_further(
    log: Connection, connect: Connect
) -> None:
    followed(log, connect, told())
    live = shown(log)
    log.execute("INSERT INTO log.epochs VALUES (2, 9, now(), 'restored')")
    with pytest.raises(LogRestored):
        mend(connect("tallystick_tailer"))
    assert shown(log) == live


def test_a_mending_that_is_killed_leaves_whole_records_and_is_begun_again(
    log: Connection, connect: Connect
) -> None:
    followed(log, connect, told())
    right = shown(log)
    damage(log)
    killed = connect("tallystick_tailer")

    def fold(row: Row | None, recorded: Recorded) -> Row:
        if recorded.stream == CRANE:
            end(log, killed)
        return INCIDENT.fold(row, recorded)

    others = (each for each in CATALOG.projections if each is not INCIDENT)
    with pytest.raises(psycopg.OperationalError):
        mend(killed, at_once=1, catalog=Catalog((replace(INCIDENT, fold=fold), *others)))
    assert rows_of(log, {FORKLIFT, PRESS}) != rows_of(log, {FORKLIFT})
    mend(connect("tallystick_tailer"))
    assert shown(log) == right
