"""Real servers for tests: one Postgres and one Valkey per test process, one database per test."""

from __future__ import annotations

import contextlib
import hmac
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from workers.embedded.account import service_account
from workers.embedded.binaries import reachable_postgres, reachable_valkey
from workers.embedded.postgres import Cluster
from workers.embedded.valkey import Cache

MASTER_SECRET = b"an oil leak under the forklift !"
SUPERUSER, TEMPLATE = "postgres", "tallystick_template"
LOGIN_ROLES = ("tallystick_owner", "tallystick_tailer", "tallystick_app")


def password(role: str) -> str:
    return hmac.new(MASTER_SECRET, f"tallystick/database/{role}".encode(), sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Database:
    """An empty, migrated database of a test's own."""

    name: str
    sockets: Path

    def conninfo(self, role: str) -> str:
        """How a role of the database logs in; `postgres` is the superuser."""
        return make_conninfo(
            host=str(self.sockets), dbname=self.name, user=role, password=password(role)
        )


@dataclass(frozen=True, slots=True)
class Server:
    """A running Postgres, with a template that every test's database is a copy of."""

    sockets: Path
    pid: int

    @contextlib.contextmanager
    def database(self) -> Generator[Database]:
        # Numbered per server, so that a failure names the same database when it runs again.
        database = Database(f"test_{next(_numbers)}", self.sockets)
        self._run("CREATE DATABASE {} TEMPLATE {}", database.name, TEMPLATE)
        try:
            yield database
        finally:
            self._run("DROP DATABASE {} WITH (FORCE)", database.name)

    def _run(self, statement: LiteralString, *names: str) -> None:
        conninfo = Database(SUPERUSER, self.sockets).conninfo(SUPERUSER)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))


_numbers = count(1)

# A copy of the template is 330 files: 18 ms of CPU in memory, 30 to 450 ms on a disk (measured).
_MEMORY = Path("/dev/shm")
_ROOM_OF_A_SERVER = 1 << 30
"""Bytes; beyond what a whole run takes but for the exhaustive tests (measured: 600 MB)."""


@contextlib.contextmanager
def private_folder(within: Path | None = None) -> Generator[Path]:
    """A folder of the servers' account under a path short enough for sockets."""
    account = service_account()
    folder = Path(tempfile.mkdtemp(prefix="tallystick-test-", dir=within))
    if os.geteuid() == 0:
        os.chown(folder, account.uid, account.gid)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def running_postgres(
    folder: Path,
    prepare: Callable[[str], None],
    *,
    durable: bool = False,
    data_within: Path | None = None,
) -> Generator[Server]:
    """A server in a private folder; `prepare` gets the template's superuser conninfo.

    `data_within`: where its data lie, in a folder of their own; None is beside the sockets.
    """
    account = service_account()
    tree = reachable_postgres(folder, account)
    with private_folder(data_within or folder) as data:
        cluster = Cluster(tree, data / "data", folder, account)
        cluster.initialize(password=password(SUPERUSER), database=TEMPLATE)
        process = cluster.start(output=folder / "postgres.log", durable=durable)
        try:
            until(lambda: cluster.ready(process.pid), "Postgres is ready")
            prepare(Database(TEMPLATE, folder).conninfo(SUPERUSER))
            yield Server(folder, process.pid)
        finally:
            process.send_signal(SIGINT)
            process.wait(30)


def memory_with_room() -> Path | None:
    """A folder that is memory, has room for a server's data for every core, and runs programs."""
    if not os.access(_MEMORY, os.W_OK):
        return None
    mounted = os.statvfs(_MEMORY)
    is_roomy = mounted.f_bavail * mounted.f_frsize >= _ROOM_OF_A_SERVER * (os.cpu_count() or 1)
    return _MEMORY if is_roomy and not mounted.f_flag & os.ST_NOEXEC else None


@contextlib.contextmanager
def running_valkey(folder: Path) -> Generator[Cache]:
    """A server in a private folder."""
    account = service_account()
    cache = Cache(reachable_valkey(folder, account), folder, account)
    process = cache.start(output=folder / "valkey.log")
    try:
        until(cache.ready, "Valkey is ready")
        yield cache
    finally:
        process.send_signal(SIGTERM)
        process.wait(30)


def until(true: Callable[[], bool], what: str, *, patience_s: float = 30.0) -> None:
    """Wait for something outside this process, which cannot call back."""
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline, f"It took longer than {patience_s:.0f} s until {what}."
        time.sleep(0.01)
