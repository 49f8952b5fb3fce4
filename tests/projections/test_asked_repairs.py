"""What was asked for over the API is done once, and in the order in which it was asked for."""

from __future__ import annotations

import psycopg
import pytest
from structlog.testing import capture_logs

from projections.catalog import CATALOG
from projections.engine.asked_repairs import repair_next
from projections.engine.log import Connection
from projections.engine.progress import Phase
from projections.engine.versions import OtherRelease
from tests.projections.conftest import Connect
from tests.projections.story import MARA, NORTH, SOUTH, write_log
from tests.projections.test_projector import catch_up, one_value, projector, told
from tests.projections.test_rebuilding import rebuild, when
from tests.projections.test_repairing import ASSIGNED, CRANE, FORKLIFT, damage, letters, mend, retry

ASK = "SELECT projections.ask_repair(%s, %s, 'It says nothing', %s)"


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
