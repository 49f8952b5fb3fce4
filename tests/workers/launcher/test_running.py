"""What a running stack keeps up, and as whom it runs."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.embedded import until
from tests.house.files import CHECKOUT
from tests.workers.launcher.launched import SERVICES, Launched
from workers.embedded.account import service_account
from workers.embedded.binaries import postgres_tree
from workers.embedded.postgres import Cluster


def status(pid: int, field: str) -> list[str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1:] for line in lines if line.startswith(field))


def pids_of(running: Launched) -> list[int]:
    return list(running.services().values())


def database_is_ready(running: Launched) -> bool:
    home, pid = running.home, running.services()["postgres"]
    account = service_account()
    return Cluster(postgres_tree(), home / "postgres", home / "run", account).ready(pid)


def test_every_service_runs_in_a_session_of_its_own(running: Launched) -> None:
    pids = running.services()
    assert set(pids) == SERVICES
    assert {os.getsid(pid) for pid in pids.values()} == set(pids.values())


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_killed_service_comes_back(running: Launched, name: str) -> None:
    killed = running.services()[name]
    os.kill(killed, signal.SIGKILL)
    until(lambda: running.services()[name] != killed, f"{name} is started again")
    if name == "postgres":
        until(lambda: database_is_ready(running), "Postgres has recovered")
    until(lambda: running.answer().get("pid") == running.services()["api"], "the api answers")


def test_a_second_launcher_on_the_same_home_is_refused(running: Launched) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "workers.launcher", "--home", running.home],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    assert told.stderr == f"tallystick: Tallystick is running already on {running.home}.\n"


def test_the_home_and_its_secret_are_closed_to_others(running: Launched) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in running.home.iterdir()}
    assert running.home.stat().st_mode & 0o777 == 0o700
    assert modes["secrets"] == 0o600
    assert {mode & 0o077 for mode in modes.values()} == {0}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")
def test_under_root_every_service_runs_as_nobody_without_groups(running: Launched) -> None:
    nobody = pwd.getpwnam("nobody")
    uids = [str(nobody.pw_uid)] * 4
    # One that another test killed is root's while it imports.
    until(lambda: all(status(pid, "Uid:") == uids for pid in pids_of(running)), "root is dropped")
    for pid in pids_of(running):
        assert status(pid, "Gid:") == [str(nobody.pw_gid)] * 4
        assert status(pid, "Groups:") == []
        # No capability is left to come back with.
        assert int(status(pid, "CapPrm:")[0], 16) == 0
