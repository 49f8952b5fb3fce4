"""Processes that others have taken the place of: each ends when its clients have gone."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, field
from signal import SIGINT, SIGTERM

from workers.launcher.ledger import Ledger

_AT_ONCE_S = 5.0


@dataclass(slots=True)
class Leaving:
    """Never blocks but in `end`."""

    ledger: Ledger
    _due: dict[str, tuple[subprocess.Popen[bytes], float]] = field(
        default_factory=dict[str, tuple[subprocess.Popen[bytes], float]]
    )

    def __contains__(self, name: str) -> bool:
        return name in self._due

    def ask(self, name: str, process: subprocess.Popen[bytes], *, within_s: float) -> None:
        """To leave; killed when it takes longer than that."""
        process.send_signal(SIGTERM)
        self._due[name] = process, time.monotonic() + within_s
        self.ledger.note(name, process.pid, stop_signal=SIGINT)

    def turn(self) -> None:
        """Forget who is gone, end who is late."""
        for name, (process, due) in list(self._due.items()):
            if process.poll() is not None:
                del self._due[name]
                self.ledger.forget([name])
            elif time.monotonic() > due:
                process.kill()

    def end(self) -> None:
        """All of them, at once."""
        for process, _ in self._due.values():
            process.send_signal(SIGINT)
        for process, _ in self._due.values():
            wait_or_kill(process, _AT_ONCE_S)
        self.ledger.forget(self._due)
        self._due.clear()


def wait_or_kill(process: subprocess.Popen[bytes], grace_s: float) -> None:
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
