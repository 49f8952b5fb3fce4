"""The api's processes of a stack: one or several, and who comes after each."""

from __future__ import annotations

import socket
import subprocess
from dataclasses import dataclass, field
from signal import SIGINT

from workers.launcher.modules import Modules
from workers.launcher.readiness import Readiness
from workers.launcher.supervisor import Service

_TO_SPARE_S = 10.0
"""Beyond what clients are given: what runs in the process has to be closed as well."""


@dataclass(slots=True)
class Apis:
    """All of them accept from one socket, which is never closed in between."""

    module: str
    modules: Modules
    listening: socket.socket
    _readiness: dict[str, Readiness] = field(default_factory=dict[str, Readiness])

    @property
    def names(self) -> tuple[str, ...]:
        more = range(2, self.modules.options.api_processes + 1)
        return ("api", *(f"api-{number}" for number in more))

    @property
    def leave_s(self) -> float:
        """How long one that is replaced may take to end."""
        return self.modules.options.drain_s + _TO_SPARE_S

    def service(self, name: str, *, log: str) -> Service:
        return Service(
            name,
            lambda: self._start(name, log),
            # SIGTERM says that others go on, and that its clients are to find them.
            stop_signal=SIGINT,
            leave_s=self.leave_s,
            gated=True,
        )

    def is_ready(self, name: str) -> bool:
        """Whether the process that was started last under this name answers requests."""
        return name in self._readiness and self._readiness[name].is_told

    def _start(self, name: str, log: str) -> subprocess.Popen[bytes]:
        if before := self._readiness.pop(name, None):
            before.close()
        readiness = self._readiness[name] = Readiness()
        with readiness.mouth() as mouth:
            handed = {
                "TALLYSTICK_LISTEN_DESCRIPTOR": self.listening.fileno(),
                "TALLYSTICK_READY_DESCRIPTOR": mouth,
            }
            return self.modules.spawn(self.module, log=log, descriptors=handed)
