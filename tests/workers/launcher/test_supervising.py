"""What runs goes on running, whatever the machine refuses the launcher meanwhile."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from signal import SIGKILL, SIGTERM

import pytest

from tests.embedded import until
from tests.workers.launcher.launched import READY, Launched, alive, launch
from workers.embedded.account import Account
from workers.launcher import supervisor as supervising
from workers.launcher.ledger import Ledger
from workers.launcher.supervisor import Service, Supervisor


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "services.json", Account("", os.geteuid(), os.getegid()))


@pytest.fixture
def idle() -> Iterator[list[subprocess.Popen[bytes]]]:
    with ExitStack() as ended:
        processes = [ended.enter_context(_sleeping()) for _ in range(2)]
        for process in processes:
            ended.callback(process.kill)
        yield processes


def _sleeping() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])


def _given(process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    return process


def test_a_service_that_cannot_be_started_now_is_started_later(
    ledger: Ledger, idle: list[subprocess.Popen[bytes]]
) -> None:
    refusals, said = [OSError(errno.ENOSPC, "No space left on device")], list[str]()

    def start() -> subprocess.Popen[bytes]:
        if refusals:
            raise refusals.pop()
        return idle[0]

    supervisor = Supervisor(ledger, said.append)
    supervisor.start(Service("worker", start))
    assert said == [
        "worker could not be started (No space left on device); it starts again in 0.1 s."
    ]
    until(lambda: supervisor.turn() is None, "it is started")
    assert supervisor.pid("worker") == idle[0].pid
    supervisor.stop([["worker"]])


def test_a_service_that_fails_for_hours_is_tried_for_hours(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "_LONGEST_PAUSE_S", 0.0)
    said = list[str]()

    def start() -> subprocess.Popen[bytes]:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    supervisor = Supervisor(ledger, said.append)
    supervisor.start(Service("worker", start))
    for _ in range(1_100):
        supervisor.turn()
    assert len(said) == 1_101


def test_a_full_disk_does_not_keep_a_service_from_being_stopped(
    ledger: Ledger, idle: list[subprocess.Popen[bytes]]
) -> None:
    ledger.path.with_suffix(".unfinished").symlink_to("/dev/full")
    supervisor = Supervisor(ledger, print)
    for name, process in zip(("api", "postgres"), idle, strict=True):
        supervisor.start(Service(name, partial(_given, process)))
    supervisor.stop([["api"], ["postgres"]])
    assert [process.poll() for process in idle] == [-SIGTERM, -SIGTERM]


def test_an_orphan_that_ends_by_itself_does_not_keep_the_others_running(
    ledger: Ledger, idle: list[subprocess.Popen[bytes]]
) -> None:
    for name, process in zip(("api", "postgres"), idle, strict=True):
        ledger.note(name, process.pid, stop_signal=SIGKILL)

    def says(text: str) -> None:
        if "api" in text:
            idle[0].kill()
            idle[0].wait()

    Ledger(ledger.path, ledger.account).end_orphans(last=["postgres"], say=says)
    assert not alive(idle[1].pid)


def test_a_launcher_whose_listener_has_gone_keeps_everything_running(
    launcher_unheard: Launched,
) -> None:
    before = launcher_unheard.services()
    os.kill(before["worker"], SIGKILL)
    until(lambda: launcher_unheard.services()["worker"] != before["worker"], "it is started again")
    assert launcher_unheard.services()["postgres"] == before["postgres"]


@pytest.fixture
def launcher_unheard(folder: Path) -> Iterator[Launched]:
    """One that runs, and whose output nobody reads any more."""
    launched = launch(folder / "home")
    launched.until(READY)
    assert launched.process.stdout
    launched.process.stdout.close()
    yield launched
    launched.end()
