"""A service gives root up completely, or stays who it is."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

from tests.house.files import CHECKOUT
from write_model.kernel.privileges import RUN_AS, drop_privileges

NOBODY = pwd.getpwnam("nobody")


@dataclass
class Machine:
    """A system that remembers what it was told, so that this needs no root."""

    uid: int = 0
    told: list[tuple[str, object]] = field(default_factory=list[tuple[str, object]])

    def geteuid(self) -> int:
        return self.uid

    def setgroups(self, groups: list[int], /) -> None:
        self.told.append(("groups", groups))

    def setgid(self, gid: int, /) -> None:
        self.told.append(("gid", gid))

    def setuid(self, uid: int, /) -> None:
        self.uid = uid
        self.told.append(("uid", uid))


def test_root_becomes_the_named_account_and_keeps_no_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(RUN_AS, "nobody")
    machine = Machine()
    drop_privileges(machine)
    drop_privileges(machine)
    # The user last: without root the groups could not be changed any more.
    assert machine.told == [("groups", []), ("gid", NOBODY.pw_gid), ("uid", NOBODY.pw_uid)]


def test_an_ordinary_user_stays_who_he_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_AS, "nobody")
    machine = Machine(uid=1000)
    drop_privileges(machine)
    assert machine.told == []


def test_without_an_account_named_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUN_AS, raising=False)
    machine = Machine()
    drop_privileges(machine)
    assert machine.told == []


def test_a_service_does_not_become_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_AS, "root")
    with pytest.raises(PermissionError, match="does not run as root"):
        drop_privileges(Machine())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")
def test_after_dropping_there_is_no_way_back() -> None:
    program = (
        "import os; from write_model.kernel.privileges import drop_privileges;"
        "drop_privileges(); print(os.getresuid(), os.getresgid(), os.getgroups()); os.setuid(0)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        cwd=CHECKOUT,
        env={RUN_AS: "nobody"},
        capture_output=True,
        text=True,
        check=False,
    )
    uid, gid = NOBODY.pw_uid, NOBODY.pw_gid
    assert told.stdout == f"{(uid,) * 3} {(gid,) * 3} []\n"
    assert "PermissionError" in told.stderr
