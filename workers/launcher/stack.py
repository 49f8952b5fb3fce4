"""The whole of Tallystick as services: which there are, and how they come up together."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGINT, SIGTERM

from workers.embedded.binaries import reachable_postgres, reachable_valkey
from workers.embedded.postgres import Cluster
from workers.embedded.spawning import spawn
from workers.embedded.valkey import Cache
from workers.launcher.answering import answers
from workers.launcher.bell import Bell
from workers.launcher.home import Home
from workers.launcher.ledger import Ledger
from workers.launcher.options import Options
from workers.launcher.supervisor import Service, Supervisor, admit

MODULES: Mapping[str, str] = {
    "api": "api.serve",
    "projector": "workers.projector",
    "worker": "workers.housekeeping",
}
RELOADED = ("api", "projector")
MIGRATION = "workers.migrate"
DATABASE = "tallystick"

CHECKOUT = Path(__file__).parents[2]

_PYTHON_PATH = list(filter(None, [os.environ.get("PYTHONPATH")]))
_GIVE_UP_AFTER = 6
"""Failed starts in a row, about 3 s: a killed postmaster's children need 1-2 s to leave."""


class StartFailed(Exception):
    """A service did not come up; the message ends with what it said last."""


class StopAsked(Exception):
    """Somebody asked to stop before everything was up."""


@dataclass(slots=True)
class Stack:
    """One run of everything on one home, which the caller has locked."""

    options: Options
    home: Home
    bell: Bell
    say: Callable[[str], None]
    modules: Mapping[str, str] = field(default_factory=lambda: MODULES)
    migration: str = MIGRATION
    _restart_asked: threading.Event = field(default_factory=threading.Event)
    _supervisor: Supervisor = field(init=False)
    _sockets: Path = field(init=False)

    def __post_init__(self) -> None:
        self._supervisor = Supervisor(Ledger(self.home.ledger, self.home.account), self.say)
        self._sockets = self.home.sockets()

    def start(self) -> None:
        """Start everything; returns when the api answers that it is ready.

        Raises: StartFailed, StopAsked.
        """
        self._supervisor.ledger.end_orphans(first=self.modules, say=self.say)
        with ExitStack() as undone:
            migration = self._spawn_module("migrate", self.migration)
            undone.callback(migration.kill)
            if not self.options.redis_url:
                self._start_cache()
            if not self.options.database_url:
                self._start_database()
            for name, module in self.modules.items():
                self._supervisor.start(self._module_service(name, module))
            self._migrate(migration)
        self._supervisor.open_gate()
        self._wait_until(lambda: answers(self.options), "api", patience_s=60)

    def run(self) -> None:
        """Keep everything running until somebody asks to stop."""
        while not self.bell.stop_asked:
            if self._restart_asked.is_set():
                self._restart_asked.clear()
                self._restart_changed()
            self.bell.wait(self._supervisor.turn())

    def restart_soon(self) -> None:
        """Ask for what a changed source file touches to start again; from any thread."""
        self._restart_asked.set()
        self.bell.ring()

    def _restart_changed(self) -> None:
        self.say("A source file changed; starting api and projector again.")
        for name in RELOADED:
            self._supervisor.restart(name)

    def stop(self) -> None:
        self._supervisor.stop([tuple(self.modules), ("postgres", "valkey")])
        if self._sockets.parent != self.home.path:
            self._remove_sockets()

    def _remove_sockets(self) -> None:
        with self.home.account.acting():
            for path in self._sockets.iterdir():
                path.unlink()
            self._sockets.rmdir()

    def _start_database(self) -> None:
        tree = reachable_postgres(self.home.library, self.home.account)
        cluster = Cluster(tree, self.home.database, self._sockets, self.home.account)
        if not cluster.exists:
            self.say("Making the database ...")
            password = self.home.database_password("postgres")
            cluster.initialize(password=password, database=DATABASE)
        log = self.home.log("postgres")
        service = Service("postgres", lambda: cluster.start(output=log), SIGINT, grace_s=30)
        self._supervisor.start(service)
        self._wait_until(
            lambda: cluster.ready(self._supervisor.pid("postgres")), "postgres", patience_s=300
        )

    def _start_cache(self) -> None:
        server = reachable_valkey(self.home.library, self.home.account)
        cache = Cache(server, self._sockets, self.home.account)
        log = self.home.log("valkey")
        self._supervisor.start(Service("valkey", lambda: cache.start(output=log)))

    def _migrate(self, migration: subprocess.Popen[bytes]) -> None:
        admit(migration)
        while migration.poll() is None:
            self._turn(None)
        if migration.returncode != 0:
            raise StartFailed(f"The migration failed:\n{self._last_words('migrate')}")

    def _module_service(self, name: str, module: str) -> Service:
        # To the api, SIGTERM says that others go on and that its clients are to find them.
        signal = SIGINT if name == "api" else SIGTERM
        return Service(name, lambda: self._spawn_module(name, module), signal, gated=True)

    def _spawn_module(self, name: str, module: str) -> subprocess.Popen[bytes]:
        # As the caller: where only root may enter Python's folder, the module drops root itself.
        with self.home.open_log(name) as log:
            return spawn(
                [sys.executable, "-m", "workers.launcher.service", module],
                output=log,
                environment=self._environment(),
                folder=self.home.path,
                piped=True,
            )

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            # libpq looks for certificates there, and root's own folder is closed to the account.
            "HOME": str(self.home.path),
            # glibc's arenas cost tens of MB in a process with threads.
            "MALLOC_ARENA_MAX": "2",
            "PYTHONPATH": os.pathsep.join([str(CHECKOUT), *_PYTHON_PATH]),
            "PYTHONUNBUFFERED": "1",
            "TALLYSTICK_HOME": str(self.home.path),
            "TALLYSTICK_SOCKET_FOLDER": str(self._sockets),
            "TALLYSTICK_DATABASE_NAME": DATABASE,
            "TALLYSTICK_HOST": self.options.host,
            "TALLYSTICK_PORT": str(self.options.port),
            "TALLYSTICK_RUN_AS": self.home.account.name if os.geteuid() == 0 else "",
        }

    def _wait_until(self, true: Callable[[], bool], name: str, *, patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        while not true():
            self._turn(0.02)
            if self._supervisor.failures(name) >= _GIVE_UP_AFTER or time.monotonic() > deadline:
                raise StartFailed(f"{name} did not start:\n{self._last_words(name)}")

    def _turn(self, longest_s: float | None) -> None:
        due_s = self._supervisor.turn()
        waits = [wait for wait in (longest_s, due_s) if wait is not None]
        self.bell.wait(min(waits) if waits else None)
        if self.bell.stop_asked:
            raise StopAsked

    def _last_words(self, name: str) -> str:
        with self.home.account.acting():
            lines = self.home.log(name).read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-15:])
