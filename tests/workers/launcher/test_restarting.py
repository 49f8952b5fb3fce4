"""The api's processes share a port, and are replaced without a moment in which none answers."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.embedded import until
from tests.workers.launcher.launched import READY, Launched, alive, in_memory
from workers.launcher.restarting import NotRestarted, restart

APIS = {"api", "api-2"}
Launcher = Callable[..., Launched]


@pytest.fixture(scope="module")
def pair() -> Generator[Launched]:
    with in_memory("--workers", "2") as launched:
        yield launched


def pids(launched: Launched) -> dict[str, int]:
    return {name: pid for name, pid in launched.services().items() if name.startswith("api")}


@contextmanager
def asked_all_the_time(launched: Launched) -> Generator[list[object]]:
    """Whatever went unanswered."""
    ended, unanswered = threading.Event(), list[object]()

    def ask() -> None:
        while not ended.is_set():
            if "pid" not in (told := launched.answer()):
                unanswered.append(told)

    asking = threading.Thread(target=ask)
    asking.start()
    yield unanswered
    ended.set()
    asking.join()


def test_several_processes_answer_on_one_port(pair: Launched) -> None:
    assert pids(pair).keys() == APIS
    for pid in pids(pair).values():
        until(lambda: pair.answer().get("pid") == pid, "each answers")  # noqa: B023  # at once


def test_a_restart_replaces_every_one(pair: Launched) -> None:
    before = pids(pair)
    restart(pair.home)
    after = pids(pair)
    assert after.keys() == APIS
    assert not set(before.values()) & set(after.values())
    assert not any(alive(pid) for pid in before.values())
    assert pair.answer()["pid"] in after.values()


def test_a_new_one_that_does_not_start_leaves_the_old_ones_in_place(pair: Launched) -> None:
    before = pids(pair)
    (pair.home / "leaks").touch()
    with pytest.raises(NotRestarted, match="The forklift leaks oil"):
        restart(pair.home)
    (pair.home / "leaks").unlink()
    assert pids(pair) == before
    assert all(alive(pid) for pid in before.values())
    with asked_all_the_time(pair) as unanswered:
        restart(pair.home)
    # The stand-in does not drain: what it was asked in its last moment may go unanswered.
    assert len(unanswered) <= len(APIS)


def test_a_stop_while_it_restarts_ends_both(launcher: Launcher) -> None:
    launched = launcher()
    launched.until(READY)
    (launched.home / "stands-still").touch()
    launched.process.send_signal(signal.SIGUSR1)
    until(lambda: "api-next" in launched.services(), "the next one starts")
    started = launched.services().values()
    assert launched.end() == 0
    assert not any(alive(pid) for pid in started)


def test_where_nothing_runs_nothing_is_restarted(launcher: Launcher, folder: Path) -> None:
    with pytest.raises(NotRestarted, match="--home"):
        restart(folder)
    launched = launcher()
    launched.until(READY)
    launched.end()
    with pytest.raises(NotRestarted, match="tallystick up"):
        restart(launched.home)


@pytest.mark.parametrize("number", ["0", "9", "two"])
def test_no_number_of_processes_is_refused_with_what_to_do(launcher: Launcher, number: str) -> None:
    launched = launcher("--workers", number)
    assert "Set --workers to a number from 1 to 8." in launched.rest()
    assert launched.process.wait(30) == 1


def test_the_number_may_stand_in_the_environment(launcher: Launcher) -> None:
    launched = launcher(TALLYSTICK_API_PROCESSES="2")
    launched.until(READY)
    assert pids(launched).keys() == APIS


def test_the_next_launcher_ends_all_that_a_killed_one_left_and_has_its_port(
    launcher: Launcher,
) -> None:
    killed = launcher("--workers", "2")
    killed.until(READY)
    orphans = pids(killed)
    os.kill(killed.process.pid, signal.SIGKILL)
    killed.process.wait(30)
    launcher(port=killed.port).until(READY)
    assert not any(alive(pid) for pid in orphans.values())
