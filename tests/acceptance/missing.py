"""A stack without one of its servers, for as long as a test likes."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from signal import SIGCONT, SIGINT, SIGSTOP

from tests.acceptance.memory import family
from tests.acceptance.stack import Stack
from tests.embedded import until
from tests.workers.launcher.launched import alive


@contextmanager
def down(stack: Stack, name: str) -> Generator[None]:
    """Gone until the block ends: the launcher is held still, so that nobody starts it again."""
    gone = stack.services()[name]
    os.kill(stack.process.pid, SIGSTOP)
    try:
        os.kill(gone, SIGINT)
        until(lambda: not alive(gone), f"{name} is gone")
        yield
    finally:
        os.kill(stack.process.pid, SIGCONT)


@contextmanager
def hung(stack: Stack, name: str) -> Generator[None]:
    """There, but silent, until the block ends: the worse case, as no connection fails."""
    silent = list(family(stack.services()[name]))
    for pid in silent:
        os.kill(pid, SIGSTOP)
    try:
        yield
    finally:
        for pid in silent:
            os.kill(pid, SIGCONT)
