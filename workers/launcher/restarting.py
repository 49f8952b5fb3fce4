"""Asks the launcher that runs on a home to replace the api, and waits for the outcome."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from signal import SIGUSR1

from workers.embedded.spawning import started_at

_LOOK_EVERY_S = 0.05


class NotRestarted(Exception):
    """The message says why, and what to do."""


def restart(home: Path) -> None:
    """Return when every api process was replaced.

    Raises: NotRestarted.
    """
    outcome = home / "restart"
    pid = _launcher(home)
    outcome.unlink(missing_ok=True)
    os.kill(pid, SIGUSR1)
    # Another's child sends no signal, so there is nothing to wait on.
    while not outcome.exists():
        if not started_at(pid):
            raise NotRestarted("Tallystick ended meanwhile; start it with `./tallystick up`.")
        time.sleep(_LOOK_EVERY_S)
    if told := outcome.read_text():
        raise NotRestarted(told)


def _launcher(home: Path) -> int:
    lock = home / "tallystick.lock"
    try:
        with lock.open("rb") as file:
            if not _is_held(file.fileno()):
                raise NotRestarted(f"Nothing runs on {home}; start it with `./tallystick up`.")
            return int(file.read())
    except FileNotFoundError as error:
        raise NotRestarted(f"Nothing runs on {home}; name its folder with --home.") from error
    except PermissionError as error:
        raise NotRestarted("Only who started Tallystick may restart it.") from error


def _is_held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
