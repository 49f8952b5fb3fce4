"""One secret, many keys, none of which tells of another."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from write_model.kernel.secrets import MasterSecret, read_master_secret

MASTER = MasterSecret(b"an oil leak under the forklift !")


def test_every_purpose_and_every_turn_of_it_has_its_own_key() -> None:
    keys = [MASTER.key("tokens"), MASTER.key("cursors"), MASTER.key("tokens", 2)]
    assert len(set(keys)) == 3
    assert {len(key) for key in keys} == {32}
    assert MASTER.key("tokens") == MasterSecret(MASTER.value).key("tokens", 1)


def test_every_role_has_its_own_password() -> None:
    assert MASTER.database_password("app") != MASTER.database_password("tailer")


def test_the_secret_is_never_shown() -> None:
    assert "forklift" not in repr(MASTER)


def test_it_is_read_from_one_line_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secrets"
    path.write_bytes(base64.urlsafe_b64encode(MASTER.value) + b"\n")
    assert read_master_secret(path) == MASTER


def test_a_secret_of_another_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secrets"
    path.write_bytes(base64.urlsafe_b64encode(b"short"))
    with pytest.raises(ValueError, match="32 bytes"):
        read_master_secret(path)
