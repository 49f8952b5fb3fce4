"""How a stack comes up, goes down, and says why it cannot."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.embedded import until
from tests.workers.launcher.launched import (
    ANSWERS_IN_S,
    READY,
    STOPS_IN_S,
    Launched,
    alive,
)
from tests.workers.launcher.standins.migrate import LOGIN
from workers.embedded.postgres import sockets_of

Launcher = Callable[..., Launched]


def test_it_says_where_it_answers_who_logs_in_first_and_where_the_data_lies(
    launcher: Launcher,
) -> None:
    launched = launcher()
    said = launched.until(READY)
    assert f"address      http://127.0.0.1:{launched.port}\n" in said
    assert f"first login  {LOGIN['email']}  {LOGIN['password']}\n" in said
    again = f"./tallystick reset-password {LOGIN['email']}"
    assert f"(unless changed it ends on 2026-03-09; then: {again})\n" in said
    assert f"data         {launched.home}\n" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_within_a_second(
    launcher: Launcher, number: signal.Signals
) -> None:
    # What is slow by itself is so each time, a machine that stands still for a moment is not.
    assert any(ended_s(launcher(), number) < STOPS_IN_S for _ in range(3))


def ended_s(launched: Launched, number: signal.Signals) -> float:
    """How long it took until nothing was left of it."""
    launched.until(READY)
    pids = launched.services().values()
    began_s = time.monotonic()
    assert launched.end(number) == 0
    took_s = time.monotonic() - began_s
    assert not any(alive(pid) for pid in pids)
    assert not list((launched.home / "run").iterdir())
    return took_s


def test_a_home_is_used_again_with_the_same_secret_and_soon(launcher: Launcher) -> None:
    first = launcher()
    first.until(READY)
    secret = (first.home / "secrets").read_text()
    first.end()
    assert any(started_s(launcher) < ANSWERS_IN_S for _ in range(3))
    assert (first.home / "secrets").read_text() == secret


def started_s(launcher: Launcher) -> float:
    """How long it took; it is ended again."""
    began_s = time.monotonic()
    launched = launcher()
    launched.until(READY)
    took_s = time.monotonic() - began_s
    launched.end()
    return took_s


def test_what_a_killed_launcher_left_is_ended_before_the_next_start(launcher: Launcher) -> None:
    killed = launcher()
    killed.until(READY)
    orphans = killed.services()
    killed.end(signal.SIGKILL)
    assert all(alive(pid) for pid in orphans.values())
    said = launcher().until(READY)
    assert "Stopping postgres, left over from a launcher that was killed." in said
    assert not any(alive(pid) for pid in orphans.values())


def test_a_lock_file_whose_number_a_stranger_got_does_not_stop_postgres(
    launcher: Launcher,
) -> None:
    first = launcher()
    first.until(READY)
    first.end()
    stale = f"{os.getppid()}\n{first.home}/postgres\n1\n5432\n{first.home}/run\n\n 1 1\nready   \n"
    path = first.home / "postgres" / "postmaster.pid"
    path.write_text(stale)
    os.chown(path, first.home.stat().st_uid, first.home.stat().st_gid)
    launcher().until(READY)


def test_a_home_too_deep_for_sockets_keeps_them_apart_while_it_runs(
    launcher: Launcher, folder: Path
) -> None:
    launched = launcher(home=folder / ("deep" * 25))
    launched.until(READY)
    sockets = sockets_of(launched.home / "postgres")
    assert sockets is not None
    assert sockets.stat().st_mode & 0o777 == 0o700
    launched.end()
    assert not sockets.exists()
    assert sockets_of(launched.home / "postgres") is None


def test_a_failed_migration_is_told_with_its_last_words(launcher: Launcher) -> None:
    launched = launcher(STANDIN_MIGRATION="failing")
    said = launched.rest()
    assert launched.process.wait(30) == 1
    assert "tallystick: The migration failed:\n  The forklift would not start.\n" in said


def test_a_stop_is_heard_before_everything_is_up(launcher: Launcher) -> None:
    launched = launcher(STANDIN_MIGRATION="idle")
    ledger = launched.home / "services.json"
    until(lambda: ledger.exists() and "worker" in ledger.read_text(), "it waits for the migration")
    pids = launched.services().values()
    assert launched.end() == 0
    assert not any(alive(pid) for pid in pids)


def test_a_start_that_comes_to_nothing_is_given_up_and_leaves_nothing(launcher: Launcher) -> None:
    launched = launcher(STANDIN_MIGRATION="idle")
    ledger = launched.home / "services.json"
    until(lambda: ledger.exists() and "worker" in ledger.read_text(), "it waits for the migration")
    pids = launched.services().values()
    with pytest.raises(AssertionError, match="It ended before it said"):
        launched.until(READY, patience_s=0.1)
    until(lambda: not any(alive(pid) for pid in pids), "all it started is gone")


def test_a_taken_port_is_told_at_once(launcher: Launcher) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        launched = launcher(port=taken.getsockname()[1])
        assert "is taken. Choose another with --port." in launched.rest()
        assert launched.process.wait(30) == 1


def test_a_folder_with_somebody_elses_files_is_no_home(launcher: Launcher, folder: Path) -> None:
    (folder / "photos").mkdir()
    (folder / "photos" / "forklift.jpg").touch()
    launched = launcher(home=folder / "photos")
    assert "is not an empty folder and not a data home" in launched.rest()
    assert launched.process.wait(30) == 1


def test_in_production_the_embedded_servers_are_refused(launcher: Launcher) -> None:
    launched = launcher(ENV="production")
    assert "set DATABASE_URL and REDIS_URL" in launched.rest()
    assert launched.process.wait(30) == 1


def test_real_servers_take_the_place_of_the_embedded_ones(launcher: Launcher) -> None:
    launched = launcher(
        STANDIN_MIGRATION="nothing", DATABASE_URL="host=/nowhere", REDIS_URL="unix:///nowhere"
    )
    launched.until(READY)
    assert set(launched.services()) == {"api", "projector", "worker"}


def test_a_file_of_breached_passwords_that_is_not_there_is_named(
    launcher: Launcher, tmp_path: Path
) -> None:
    gone = str(tmp_path / "gone.txt")
    launched = launcher(TALLYSTICK_BREACHED_PASSWORDS=gone)
    assert f"tallystick: TALLYSTICK_BREACHED_PASSWORDS names {gone}, which" in launched.rest()
    assert launched.process.wait(30) == 1
