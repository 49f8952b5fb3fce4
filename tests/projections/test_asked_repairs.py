"""What was asked for over the API is done once, and in the order in which it was asked for."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from structlog.testing import capture_logs

from projections.catalog import CATALOG
from projections.engine.activity import Activity
from projections.engine.asked_repairs import repair_next
from projections.engine.log import Connection
from projections.engine.progress import Phase
from projections.engine.versions import OtherRelease
from tests.embedded import Database
from tests.identity import overtaken
from tests.projections.conftest import Connect
from tests.projections.story import MARA, NORTH, SOUTH, write_log
from tests.projections.test_projector import catch_up, one_value, projector, told
from tests.projections.test_rebuilding import rebuild, when
from tests.projections.test_repairing import (
    ASSIGNED,
    CRANE,
    FORKLIFT,
    damage,
    letters,
    mend,
    refuse,
    retry,
)
from workers.projector.rounds import Rounds
from write_model.kernel.errors import LogRestored

ASK = "SELECT projections.ask_repair(%s, %s, 'It says nothing', %s)"

END = """
    CREATE OR REPLACE FUNCTION projections.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$
"""


@pytest.fixture
def state(log: Connection, connect: Connect) -> bytes:
    """What the event said for which the forklift is parked, from its version 3 on."""
    write_log(log, told().events)
    state = damage(log, ASSIGNED)
    catch_up(projector(connect("tallystick_tailer")))
    return state


@pytest.fixture
def app(connect: Connect) -> Connection:
    app = connect("tallystick_app")
    app.execute("SELECT set_config('app.tenant', %s, false)", (str(NORTH),))
    return app


def waiting(log: Connection) -> int:
    count: int = one_value(log, "SELECT count(*) FROM projections.repairs")
    return count


def test_what_was_asked_is_done_once(
    log: Connection, connect: Connect, app: Connection, state: bytes
) -> None:
    tailer = connect("tallystick_tailer")
    assert not repair_next(tailer, CATALOG)
    for _ in range(2):
        assert one_value(app, ASK, FORKLIFT, None, MARA) == 3
    mend(log, ASSIGNED, state)
    assert repair_next(tailer, CATALOG)
    assert (letters(log), waiting(log)) == ([], 0)
    assert not repair_next(tailer, CATALOG)


def test_what_is_left_out_says_who_wanted_it_and_why(
    log: Connection, connect: Connect, app: Connection, state: bytes
) -> None:
    assert one_value(app, ASK, FORKLIFT, 3, MARA) == 3
    with capture_logs() as logs:
        assert repair_next(connect("tallystick_tailer"), CATALOG)
    [line] = logs
    assert (line["event"], line["skipped"], line["by"]) == ("projections.repaired", 3, str(MARA))
    assert log.execute(
        "SELECT position, skipped_by, reason FROM projections.skipped"
    ).fetchall() == [(ASSIGNED, MARA, "It says nothing")]


def test_a_retry_does_not_take_the_place_of_a_skip_that_waits(
    log: Connection, connect: Connect, app: Connection, state: bytes
) -> None:
    assert one_value(app, ASK, FORKLIFT, 3, MARA) == 3
    assert one_value(app, ASK, FORKLIFT, None, MARA) == 3
    assert repair_next(connect("tallystick_tailer"), CATALOG)
    assert (letters(log), one_value(log, "SELECT position FROM projections.skipped")) == (
        [],
        ASSIGNED,
    )


def test_another_event_than_was_meant_is_not_asked_for(
    log: Connection, app: Connection, state: bytes
) -> None:
    assert one_value(app, ASK, FORKLIFT, 4, MARA) == 3
    assert one_value(app, ASK, CRANE, None, MARA) is None
    app.execute("SELECT set_config('app.tenant', %s, false)", (str(SOUTH),))
    assert one_value(app, ASK, FORKLIFT, None, MARA) is None
    assert waiting(log) == 0


def test_who_was_quicker_leaves_nothing_to_do(
    log: Connection, connect: Connect, app: Connection, state: bytes
) -> None:
    app.execute(ASK, (FORKLIFT, None, MARA))
    mend(log, ASSIGNED, state)
    tailer = connect("tallystick_tailer")
    retry(tailer)
    assert repair_next(tailer, CATALOG)
    assert waiting(log) == 0


async def test_a_wish_that_comes_as_another_is_begun_is_done_in_its_place(
    log: Connection, connect: Connect, app: Connection, state: bytes, database: Database
) -> None:
    app.execute(ASK, (FORKLIFT, None, MARA))
    begun = asyncio.to_thread(repair_next, connect("tallystick_tailer"), CATALOG)
    assert await overtaken(begun, database, "UPDATE projections.repairs SET version = 3")
    assert one_value(log, "SELECT position FROM projections.skipped") == ASSIGNED
    assert waiting(log) == 0


def test_what_fails_three_times_is_withdrawn_and_stands_in_nobodys_way(
    log: Connection, connect: Connect, app: Connection, state: bytes
) -> None:
    app.execute(ASK, (FORKLIFT, None, MARA))
    mend(log, ASSIGNED, state)
    refuse(log, "53100")
    tailer = connect("tallystick_tailer")
    assert repair_next(tailer, CATALOG)
    assert log.execute("SELECT tries, error FROM projections.repairs").fetchall() == [
        (1, "DiskFull: Not now.")
    ]
    log.execute(
        "INSERT INTO projections.repairs (stream_id, tenant_id, reason, asked_by)"
        " VALUES (%s, %s, 'It was quicker', %s)",
        (CRANE, SOUTH, MARA),
    )
    assert repair_next(tailer, CATALOG)
    assert log.execute("SELECT stream_id FROM projections.repairs").fetchall() == [(FORKLIFT,)]
    for _ in range(2):
        assert repair_next(tailer, CATALOG)
    assert not repair_next(tailer, CATALOG)
    [first, *behind] = letters(log)
    assert first == (ASSIGNED, "To bring it in failed 3 times (DiskFull: Not now.).")
    assert {reason for _, reason in behind} == {"an earlier event of this record is parked"}


def test_a_wish_of_a_log_that_was_restored_is_kept_until_that_is_followed(
    log: Connection, connect: Connect, app: Connection, state: bytes
) -> None:
    app.execute(ASK, (FORKLIFT, None, MARA))
    log.execute("INSERT INTO log.epochs VALUES (2, 12, now(), 'restored')")
    with pytest.raises(LogRestored):
        repair_next(connect("tallystick_tailer"), CATALOG)
    assert log.execute("SELECT tries FROM projections.repairs").fetchall() == [(0,)]


def test_a_lost_connection_is_no_try(
    log: Connection, connect: Connect, app: Connection, state: bytes
) -> None:
    app.execute(ASK, (FORKLIFT, None, MARA))
    mend(log, ASSIGNED, state)
    refuse(log, "53100")
    log.execute(END)
    with pytest.raises(psycopg.OperationalError):
        repair_next(connect("tallystick_tailer"), CATALOG)
    assert log.execute("SELECT tries FROM projections.repairs").fetchall() == [(0,)]


def test_of_many_wishes_one_is_done_in_a_second(
    log: Connection, connect: Connect, state: bytes
) -> None:
    one = projector(connect("tallystick_tailer"))
    catch_up(one)
    for record, tenant in ((FORKLIFT, NORTH), (CRANE, SOUTH)):
        log.execute(
            "INSERT INTO projections.repairs (stream_id, tenant_id, reason, asked_by)"
            " VALUES (%s, %s, 'It was mended', %s)",
            (record, tenant, MARA),
        )
    rounds, left = Rounds(one, Activity(0.0)), list[int]()
    for now_s in (0.0, 0.1, 0.9, 1.0):
        rounds.turn(now_s)
        left.append(waiting(log))
    assert left == [1, 1, 1, 0]


def test_beside_a_rebuild_it_waits(
    log: Connection, connect: Connect, app: Connection, state: bytes
) -> None:
    app.execute(ASK, (FORKLIFT, None, MARA))
    tailer = connect("tallystick_tailer")

    def look() -> None:
        assert not repair_next(tailer, CATALOG)

    rebuild(connect("tallystick_tailer"), told=when(Phase.INDEXING, look))
    assert waiting(log) == 1
    assert repair_next(tailer, CATALOG)


def test_the_app_sees_what_its_organization_asked_and_writes_nothing_itself(
    app: Connection, state: bytes
) -> None:
    app.execute(ASK, (FORKLIFT, None, MARA))
    assert one_value(app, "SELECT count(*) FROM projections.repairs") == 1
    app.execute("SELECT set_config('app.tenant', %s, false)", (str(SOUTH),))
    assert one_value(app, "SELECT count(*) FROM projections.repairs") == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("DELETE FROM projections.repairs")


def test_while_another_release_is_shown_what_was_asked_waits_for_it(
    log: Connection, connect: Connect, app: Connection, state: bytes
) -> None:
    one_value(app, ASK, FORKLIFT, None, MARA)
    log.execute("UPDATE projections.current SET version = 9 WHERE name = 'changes'")
    tailer = connect("tallystick_tailer")
    assert not repair_next(tailer, CATALOG)
    with pytest.raises(OtherRelease, match="changes is shown in version 9"):
        retry(tailer)
    assert waiting(log) == 1
