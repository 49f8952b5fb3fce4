"""How the launcher starts one of our own modules as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workers.embedded.spawning import spawn
from workers.launcher.home import Home
from workers.launcher.options import Options
from write_model.kernel.secret_sources import with_mounted

CHECKOUT = Path(__file__).parents[2]
DATABASE = "tallystick"

_PYTHON_PATH = list(filter(None, [os.environ.get("PYTHONPATH")]))


@dataclass(frozen=True, slots=True)
class Modules:
    """For one stack."""

    options: Options
    home: Home
    sockets: Path

    def spawn(
        self, module: str, *, log: str, descriptors: Mapping[str, int] | None = None
    ) -> subprocess.Popen[bytes]:
        """`descriptors`: setting -> what the process is to inherit, under the same number."""
        # As the caller: where only root may enter Python's folder, the module drops root itself.
        handed = descriptors or {}
        with self.home.open_log(log) as output:
            return spawn(
                [sys.executable, "-m", "workers.launcher.service", module],
                output=output,
                environment=self._environment() | {n: str(each) for n, each in handed.items()},
                folder=self.home.path,
                piped=True,
                descriptors=tuple(handed.values()),
            )

    def _environment(self) -> dict[str, str]:
        return {
            # What only the launcher's account may read, the services are handed.
            **with_mounted(os.environ),
            # libpq looks for certificates there, and root's own folder is closed to the account.
            "HOME": str(self.home.path),
            # glibc's arenas cost tens of MB in a process with threads.
            "MALLOC_ARENA_MAX": "2",
            "PYTHONPATH": os.pathsep.join([str(CHECKOUT), *_PYTHON_PATH]),
            "PYTHONUNBUFFERED": "1",
            "TALLYSTICK_HOME": str(self.home.path),
            "TALLYSTICK_SOCKET_FOLDER": str(self.sockets),
            "TALLYSTICK_DATABASE_NAME": DATABASE,
            "TALLYSTICK_HOST": self.options.host,
            "TALLYSTICK_PORT": str(self.options.port),
            "TALLYSTICK_API_PROCESSES": str(self.options.api_processes),
            "TALLYSTICK_DRAIN_S": str(self.options.drain_s),
            "TALLYSTICK_RUN_AS": self.home.account.name if os.geteuid() == 0 else "",
        }
