"""What `tallystick up` promises who runs it: no root, no second one, quick to come and to go."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.memory import AT_MOST_MB, family, measured_kb, told
from tests.acceptance.stack import Stack, start
from tests.embedded import private_folder, until
from tests.workers.launcher.launched import (
    ANSWERS_IN_S,
    READY,
    SERVICES,
    SLOW_MACHINE,
    STOPS_IN_S,
    alive,
)

Tell = Callable[[str], None]


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Of one stack after the other; only the first finds it empty."""
    with private_folder() as folder:
        yield folder / "home"


Up = Callable[[], tuple[Stack, float]]


@pytest.fixture
def up(home: Path) -> Iterator[Up]:
    """Starts a stack and says how long it took to answer; ends what a test has left running."""
    stacks: list[Stack] = []

    def started() -> tuple[Stack, float]:
        began = time.monotonic()
        stacks.append(start(home))
        until(lambda: stacks[-1].answer().get("status") == "ok", "it answers")
        took_s = time.monotonic() - began
        stacks[-1].until(READY)
        return stacks[-1], took_s

    yield started
    for stack in stacks:
        if stack.process.poll() is None:
            stopped(stack)


def stopped(stack: Stack) -> float:
    """How long it took from Ctrl-C until no process of it was left."""
    processes = list(family(stack.process.pid))
    began = time.monotonic()
    stack.process.send_signal(signal.SIGINT)
    assert stack.process.wait(30) == 0
    until(lambda: not any(alive(pid) for pid in processes), "every process is gone")
    took_s = time.monotonic() - began
    stack.process.communicate()
    return took_s


def test_it_comes_and_goes_quickly(up: Up, tell: Tell) -> None:
    first, fresh_s = up()
    login = first.first_login()
    ended_s = stopped(first)
    second, again_s = up()
    assert second.first_login() == {**login, "url": second.url}
    idle_s = stopped(second)
    tell(
        f"fresh home answers after {fresh_s:.2f} s, the second start after {again_s:.2f} s"
        f" (promised {ANSWERS_IN_S:.0f}); Ctrl-C took {ended_s:.2f} and {idle_s:.2f} s"
        f" (promised {STOPS_IN_S:.0f})"
    )
    assert again_s <= ANSWERS_IN_S * SLOW_MACHINE
    assert max(ended_s, idle_s) <= STOPS_IN_S * SLOW_MACHINE


def test_a_second_one_on_the_same_home_is_refused(up: Up, home: Path) -> None:
    stack, _ = up()
    second = start(home)
    said, _ = second.process.communicate(timeout=30)
    assert second.process.returncode == 1
    assert said == f"tallystick: Tallystick is running already on {home}.\n"
    assert stack.answer()["status"] == "ok"


def test_a_port_that_is_taken_is_named(up: Up) -> None:
    stack, _ = up()
    with private_folder() as folder:
        second = start(folder / "home", port=stack.port)
        said, _ = second.process.communicate(timeout=30)
    assert second.process.returncode == 1
    assert f"Port {stack.port} is taken" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has root to give up")
def test_no_service_runs_as_root(up: Up, home: Path, tell: Tell) -> None:
    stack, _ = up()
    assert stack.services().keys() == SERVICES
    users = {
        pid: Path(f"/proc/{pid}").stat().st_uid
        for pid in family(stack.process.pid)
        if pid != stack.process.pid
    }
    assert len(users) > len(SERVICES)
    assert 0 not in users.values()
    assert [path for path in home.rglob("*") if path.stat().st_uid == 0] == []
    entries = [path for path in home.rglob("*") if not path.is_symlink()]
    assert [path for path in (home, *entries) if path.stat().st_mode & 0o077] == []
    tell(
        f"{len(users)} processes of {len(SERVICES)} services, none as root;"
        f" {len(entries)} files in the home, none open to others"
    )


@pytest.mark.exhaustive
@pytest.mark.timeout(180)
def test_a_minute_after_the_first_login_it_holds_little_memory(tell: Tell) -> None:
    held = measured_kb(after_s=60)
    tell(told(held))
    assert held.total() <= AT_MOST_MB * 1024
