"""A launcher that really runs, over the stand-ins, and what can be seen of it from outside."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import IO, Any

from tests.embedded import memory_with_room, private_folder
from tests.house.files import CHECKOUT
from workers.embedded.spawning import started_at

STANDINS = "tests.workers.launcher.standins.run"
READY = "Ctrl-C stops it."
STOPS_IN_S, ANSWERS_IN_S = 1.0, 3.0
SLOW_MACHINE = 4.0
"""Figures are promised on a quiet machine; the tests share theirs with each other."""
SERVICES = {"api", "postgres", "projector", "valkey", "worker"}


@dataclass(slots=True)
class Launched:
    """One run; read its output with `line`."""

    process: subprocess.Popen[str]
    home: Path
    port: int

    @property
    def _output(self) -> IO[str]:
        assert self.process.stdout
        return self.process.stdout

    def until(self, words: str, *, patience_s: float = 90.0) -> str:
        """Everything that it says up to a line with these words; past the patience it is killed."""
        said: list[str] = []
        # Nothing else bounds a fixture: the tests' own timeout counts the test alone.
        impatience = threading.Timer(patience_s, self.kill)
        impatience.start()
        try:
            for line in self._output:
                said.append(line)
                if words in line:
                    return "".join(said)
        finally:
            impatience.cancel()
        raise AssertionError(f"It ended before it said {words!r}: {''.join(said)}")

    def rest(self) -> str:
        """What else it says until it ends."""
        return self._output.read()

    def services(self) -> dict[str, int]:
        """Name -> process, as its own ledger says."""
        rows = json.loads((self.home / "services.json").read_text())
        return {name: row[0] for name, row in rows.items()}

    def answer(self) -> dict[str, Any]:
        """What the api says about itself; empty while it does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return dict(json.loads(connection.getresponse().read()))
        except (OSError, HTTPException, ValueError):  # Killed while it answered, it said half.
            return {}
        finally:
            connection.close()

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def close(self) -> None:
        """End it and hear it out; what does not end within a minute is killed."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """It, and whatever it has started."""
        self.process.kill()
        if (self.home / "services.json").exists():
            for pid in filter(alive, self.services().values()):
                os.kill(pid, signal.SIGKILL)


def launch(home: Path, *more: str, port: int = 0, **environment: str) -> Launched:
    chosen = port or free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", STANDINS, "--home", home, "--port", str(chosen), *more],
        cwd=CHECKOUT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Launched(process, home, chosen)


@contextmanager
def in_memory(*more: str) -> Generator[Launched]:
    """A launcher that is ready, on an empty home; it ends with the block, come what may."""
    with (
        private_folder(memory_with_room()) as folder,
        closing(launch(folder / "home", *more)) as launched,
    ):
        launched.until(READY)
        yield launched


# Until it is bound again it must stay free: so it is none that Linux gives out by itself (from
# 32,768 on), and each test process has a hundred of its own.
_PORTS = 100
_FIRST_PORT = 20_000 + os.getpid() % 120 * _PORTS
_NUMBERS = count()


def free_port() -> int:
    """One that is not given out again soon, and that nobody else takes meanwhile."""
    while True:
        port = _FIRST_PORT + next(_NUMBERS) % _PORTS
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def alive(pid: int) -> bool:
    return bool(started_at(pid))
