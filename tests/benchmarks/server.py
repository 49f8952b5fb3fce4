"""A Postgres of the benchmark's own, as durable as in service, with the product's schema."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from signal import SIGINT

import psycopg

from read_model.migrating import migrate
from tests.embedded import (
    LOGIN_ROLES,
    MASTER_SECRET,
    SUPERUSER,
    Database,
    password,
    private_folder,
    until,
)
from workers.embedded.account import service_account
from workers.embedded.binaries import reachable_postgres
from workers.embedded.postgres import Cluster
from workers.embedded.spawning import spawn
from write_model.kernel.settings import Settings

OURS, THEIRS = "tallystick", "library"
_SHIM = Path(__file__).with_name("slow_sync.c")


@dataclass(frozen=True)
class BenchServer:
    """Two databases on one server: ours, where raw tables lie too, and the library's."""

    folder: Path

    def ours(self, role: str = SUPERUSER) -> str:
        return Database(OURS, self.folder).conninfo(role)

    def admin(self) -> str:
        return self.ours()

    @cached_property
    def settings(self) -> Settings:
        home = self.folder / "home"
        home.mkdir()
        (home / "secrets").write_bytes(base64.urlsafe_b64encode(MASTER_SECRET) + b"\n")
        return Settings(home=home, socket_folder=self.folder, database_name=OURS)

    def checkpoint(self) -> None:
        """Write out what is pending, and make ready the used files of the write-ahead log."""
        with psycopg.connect(self.admin(), autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def vacuum(self) -> None:
        """As Postgres itself has done in any database of some age."""
        with psycopg.connect(self.admin(), autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")

    def library(self) -> dict[str, str]:
        """How the library is told about its database; all else is its default."""
        return {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": THEIRS,
            "POSTGRES_HOST": str(self.folder),
            "POSTGRES_PORT": "5432",
            "POSTGRES_USER": SUPERUSER,
            "POSTGRES_PASSWORD": password(SUPERUSER),
        }


@contextlib.contextmanager
def bench_server(*, slow_sync: bool = False) -> Generator[BenchServer]:
    """A server until the block ends; `slow_sync` adds 1 ms to every sync it asks for."""
    with private_folder() as folder:
        account = service_account()
        cluster = Cluster(reachable_postgres(folder, account), folder / "data", folder, account)
        cluster.initialize(password=password(SUPERUSER), database=OURS)
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
        if slow_sync:
            environment["LD_PRELOAD"] = str(_compiled(folder))
        with (folder / "postgres.log").open("ab") as output:
            process = spawn(
                cluster.argv(),
                output=output,
                account=account,
                environment=environment,
                folder=cluster.data,
            )
        try:
            until(lambda: cluster.ready(process.pid), "Postgres is ready")
            yield _prepared(BenchServer(folder))
        finally:
            process.send_signal(SIGINT)
            process.wait(30)


def can_slow_syncs() -> bool:
    """Whether there is a C compiler, and a loader that takes what it makes."""
    return os.uname().sysname == "Linux" and shutil.which("cc") is not None


def _compiled(folder: Path) -> Path:
    library = folder / "slow_sync.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, _SHIM], check=True)
    return library


def _prepared(server: BenchServer) -> BenchServer:
    migrate(server.admin(), passwords={role: password(role) for role in LOGIN_ROLES})
    with psycopg.connect(server.admin(), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA raw")
        connection.execute("CREATE DATABASE library")
    return server
