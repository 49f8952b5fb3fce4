"""Web processes that are asked from outside, and the CPU time that each of them has used.

`python -m tests.benchmarks.web MODULE` runs the module's `main()`; a line on its standard input is
answered with the seconds, user's and system's, that the process has worked so far.
"""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module

from tests.embedded import until
from tests.house.files import CHECKOUT
from tests.workers.launcher.launched import free_port


@dataclass(frozen=True, slots=True)
class Web:
    """A process that serves on this machine."""

    process: subprocess.Popen[str]
    port: int

    def cpu_s(self) -> float:
        """What it has used of all cores since it began."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def accepts(self) -> bool:
        assert self.process.poll() is None, "It ended instead of serving."
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def served(module: str, environment: Mapping[str, str]) -> Generator[Web]:
    """The module's server in a process of its own, until the block ends."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.web", module],
        cwd=CHECKOUT,
        env={**os.environ, **environment, "TALLYSTICK_PORT": str(port)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    web = Web(process, port)
    try:
        until(web.accepts, f"{module} serves")
        yield web
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _tell() -> None:
    for _ in sys.stdin:
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(used.ru_utime + used.ru_stime, flush=True)


if __name__ == "__main__":
    threading.Thread(target=_tell, daemon=True).start()
    import_module(sys.argv[1]).main()
