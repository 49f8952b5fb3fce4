"""The whole of Tallystick as services: which there are, and how they come up together."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from workers.launcher.apis import Apis
from workers.launcher.bell import Bell
from workers.launcher.home import Home
from workers.launcher.ledger import Ledger
from workers.launcher.modules import Modules
from workers.launcher.options import Options
from workers.launcher.servers import SERVERS, Servers
from workers.launcher.succession import Succession, log_of, successor
from workers.launcher.supervisor import Service, Supervisor, admit

MODULES: Mapping[str, str] = {
    "api": "api.serve",
    "projector": "workers.projector",
    "worker": "workers.housekeeping",
}
API = "api"
MIGRATION = "workers.migrate"

_GIVE_UP_AFTER = 6
"""Failed starts in a row, about 3 s: a killed postmaster's children need 1-2 s to leave."""


class StartFailed(Exception):
    """A service did not come up; the message ends with what it said last."""


class StopAsked(Exception):
    """Somebody asked to stop."""


@dataclass(slots=True)
class Stack:
    """One run of everything on one home, which the caller has locked."""

    options: Options
    home: Home
    bell: Bell
    listening: socket.socket
    """Where the api answers; open as long as the stack runs."""
    ledger: Ledger
    say: Callable[[str], None]
    modules: Mapping[str, str] = field(default_factory=lambda: MODULES)
    migration: str = MIGRATION
    _restart_asked: threading.Event = field(default_factory=threading.Event)
    _supervisor: Supervisor = field(init=False)
    _sockets: Path = field(init=False)
    _servers: Servers = field(init=False)
    _modules: Modules = field(init=False)
    _apis: Apis = field(init=False)
    _succession: Succession = field(init=False)

    def __post_init__(self) -> None:
        self._supervisor = Supervisor(self.ledger, self.say)
        self._sockets = self.home.sockets()
        self._servers = Servers(self.home, self._sockets, self.say)
        self._modules = Modules(self.options, self.home, self._sockets)
        self._apis = Apis(self.modules[API], self._modules, self.listening)
        self._succession = Succession(self._apis, self._supervisor, self._wait_until)

    def start(self) -> None:
        """Start everything; returns when every api process answers.

        Raises: StartFailed, StopAsked.
        """
        with ExitStack() as undone:
            cache_password = self.home.renew_passwords(self._sockets)
            migration = self._modules.spawn(self.migration, log="migrate")
            undone.callback(migration.kill)
            if not self.options.redis_url:
                self._supervisor.start(self._servers.valkey(cache_password))
            if not self.options.database_url:
                self._start_database()
            for service in self._services():
                self._supervisor.start(service)
            self._migrate(migration)
        self._supervisor.open_gate()
        for name in self._apis.names:
            self._wait_until(partial(self._apis.is_ready, name), name, patience_s=60)

    def run(self) -> None:
        """Keep everything running until somebody asks to stop."""
        with suppress(StopAsked):
            while True:
                if self._restart_asked.is_set():
                    self._restart_asked.clear()
                    self._restart_changed()
                if self.bell.restart_asked:
                    self.bell.restart_asked = False
                    self._restart_in_turn()
                self._turn(None)

    def _restart_in_turn(self) -> None:
        """Every api process, so that no request fails, for who waits to be told."""
        self.say("Replacing the api ...")
        try:
            self._succession.replace_all()
            outcome = ""
        except StartFailed as error:
            outcome = f"{error}\nWhatever was not replaced goes on as it was."
        self.say(outcome or "The api was replaced.")
        try:
            self.home.note_restart(outcome)
        except OSError as error:
            self.say(f"Who asked for it cannot be told ({error.strerror}): end that command.")

    def _services(self) -> Iterator[Service]:
        for name in self._apis.names:
            yield self._apis.service(name, log=name)
        for name in self.modules.keys() - {API}:
            yield self._other_service(name)

    def restart_soon(self) -> None:
        """Ask for what a changed source file touches to start again; from any thread."""
        self._restart_asked.set()
        self.bell.ring()

    def _restart_changed(self) -> None:
        self.say("A source file changed; starting api and projector again.")
        for name in (*self._apis.names, "projector"):
            self._supervisor.restart(name)

    def stop(self) -> None:
        names = [*self._apis.names, *map(successor, self._apis.names), *self.modules]
        self._supervisor.stop([names, SERVERS])
        self._remove_sockets()

    def _remove_sockets(self) -> None:
        """And the passwords of this run beside them."""
        with self.home.account.acting():
            for path in self._sockets.iterdir():
                path.unlink()
            if self._sockets.parent != self.home.path:
                self._sockets.rmdir()

    def _start_database(self) -> None:
        cluster = self._servers.made_cluster()
        self._supervisor.start(self._servers.postgres(cluster))
        self._wait_until(
            lambda: cluster.ready(self._supervisor.pid("postgres")), "postgres", patience_s=300
        )

    def _migrate(self, migration: subprocess.Popen[bytes]) -> None:
        admit(migration)
        while migration.poll() is None:
            self._turn(None)
        if migration.returncode != 0:
            raise StartFailed(f"The migration failed:\n{self._last_words('migrate')}")

    def _other_service(self, name: str) -> Service:
        module = self.modules[name]
        return Service(name, lambda: self._modules.spawn(module, log=name), gated=True)

    def _wait_until(self, true: Callable[[], bool], name: str, *, patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        while not true():
            self._turn(0.02)
            if self._supervisor.failures(name) >= _GIVE_UP_AFTER or time.monotonic() > deadline:
                raise StartFailed(f"{name} did not start:\n{self._last_words(log_of(name))}")

    def _turn(self, longest_s: float | None) -> None:
        due_s = self._supervisor.turn()
        waits = [wait for wait in (longest_s, due_s) if wait is not None]
        self.bell.wait(min(waits) if waits else None)
        if self.bell.stop_asked:
            raise StopAsked

    def _last_words(self, name: str) -> str:
        lines: list[str] = []
        # One that could not even be started has said nothing.
        with suppress(FileNotFoundError), self.home.account.acting():
            lines = self.home.log(name).read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-15:])
