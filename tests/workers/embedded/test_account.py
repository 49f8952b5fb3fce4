"""Whom the servers run as, and where that account can go."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from workers.embedded.account import Account, service_account

STRANGER = Account("stranger", 54321, 54321)


def test_a_stranger_passes_through_open_folders_only(tmp_path: Path) -> None:
    inner = tmp_path / "depot"
    inner.mkdir(mode=0o755)
    tmp_path.chmod(0o700)
    assert STRANGER.reaches(Path("/usr"))
    assert not STRANGER.reaches(inner)


def test_the_owner_passes_through_a_closed_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    owner = Account("owner", tmp_path.stat().st_uid, tmp_path.stat().st_gid)
    assert owner.uid == os.geteuid()
    assert owner.may_pass(tmp_path)
    tmp_path.chmod(0o070)
    assert not owner.may_pass(tmp_path)
    tmp_path.chmod(0o700)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may choose")
def test_root_runs_the_servers_as_nobody_or_as_whom_it_names() -> None:
    assert service_account().name == "nobody"
    assert service_account("daemon").uid == pwd.getpwnam("daemon").pw_uid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may choose")
def test_root_cannot_name_itself_or_nobody_known() -> None:
    with pytest.raises(PermissionError, match="does not run as root"):
        service_account("root")
    with pytest.raises(LookupError, match="no user 'forklift'"):
        service_account("forklift")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root acts for others")
def test_root_touches_files_as_the_account_and_is_root_again(tmp_path: Path) -> None:
    nobody = service_account()
    os.chown(tmp_path, nobody.uid, nobody.gid)
    with nobody.acting():
        assert os.geteuid() == nobody.uid
        with pytest.raises(PermissionError):
            Path("/etc/shadow").read_text()
    assert os.geteuid() == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may choose")
def test_an_ordinary_user_runs_them_as_himself() -> None:
    assert service_account().uid == os.geteuid()
    with pytest.raises(PermissionError, match="Only root"):
        service_account("nobody")
