"""Rings when a child has ended, a signal asks for something, or another thread wants attention."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType


class Bell:
    """One per process, made in the main thread."""

    def __init__(self) -> None:
        self.stop_asked = self.restart_asked = False
        self._ear, self._button = os.pipe()
        os.set_blocking(self._ear, False)
        os.set_blocking(self._button, False)
        # Written to by the interpreter itself, so that no signal falls between look and sleep.
        signal.set_wakeup_fd(self._button, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, self._nothing)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)
        signal.signal(signal.SIGUSR1, self._ask_to_restart)

    def wait(self, timeout_s: float | None) -> None:
        """Sleep until it rings, at most `timeout_s`; None: without end."""
        if self.stop_asked:
            return
        if select.select([self._ear], [], [], timeout_s)[0]:
            os.read(self._ear, 4096)

    def ring(self) -> None:
        os.write(self._button, b"\0")

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stop_asked = True

    def _ask_to_restart(self, _number: int, _frame: FrameType | None) -> None:
        self.restart_asked = True

    def _nothing(self, _number: int, _frame: FrameType | None) -> None:
        """A signal without a handler in Python would not wake the interpreter."""
