"""One secret, many keys, none of which tells of another."""

from __future__ import annotations

from write_model.kernel.secrets import MasterSecret

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
