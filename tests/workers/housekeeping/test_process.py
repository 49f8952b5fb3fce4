"""The worker's process: it does all that it is for, or ends so that it is started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

from tests.house.files import CHECKOUT
from write_model.kernel.settings import Settings


@contextmanager
def working(settings: Settings, **more: str) -> Generator[subprocess.Popen[str]]:
    environment = {
        **os.environ,
        "TALLYSTICK_HOME": str(settings.home),
        "TALLYSTICK_SOCKET_FOLDER": str(settings.socket_folder),
        "TALLYSTICK_DATABASE_NAME": settings.database_name,
        **more,
    }
    argv = [sys.executable, "-m", "workers.housekeeping"]
    with subprocess.Popen(
        argv, env=environment, cwd=CHECKOUT, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_ends_in_peace_when_told(settings: Settings) -> None:
    with working(settings) as process:
        assert process.stderr
        assert any("housekeeping.done" in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_where_it_cannot_tidy_up_it_does_not_live_on(settings: Settings) -> None:
    longer_than_time = str(10**12)
    with working(settings, TALLYSTICK_ACCESS_LOG_DAYS=longer_than_time) as process:
        assert process.wait(timeout=20) != 0
