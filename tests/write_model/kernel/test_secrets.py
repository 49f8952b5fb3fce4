"""One secret, many keys, none of which tells of another."""

from __future__ import annotations

from base64 import urlsafe_b64decode

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


def test_what_cannot_be_made_anew_outlives_the_secret_and_nothing_else_does() -> None:
    second = MASTER.successor()
    third = second.successor()
    lasting = ("api_keys", "first-organization", "linked_subjects", "people", "recovery_codes")
    for purpose in lasting:
        assert MASTER.key(purpose) == second.key(purpose) == third.key(purpose)
    for purpose in ("tokens", "subject-keys", "blind-index", "second_factors"):
        assert len({each.key(purpose) for each in (MASTER, second, third)}) == 3
    assert MASTER.database_password("app") != second.database_password("app")


def test_of_a_secret_before_the_next_one_tells_nothing() -> None:
    assert MASTER.value not in MASTER.successor().text().encode()
    assert MASTER.key("tokens") not in {MASTER.successor().inherited, MASTER.key("people")}


def test_a_secret_follows_another_when_it_carries_the_lasting_keys_on() -> None:
    second = MASTER.successor()
    assert second.follows(MASTER)
    assert second.successor().follows(second)
    assert not MASTER.follows(MASTER)
    assert not second.follows(second)
    assert not MasterSecret(bytes(32)).follows(MASTER)


def test_it_is_written_down_in_one_word_and_read_again() -> None:
    second = MASTER.successor()
    assert MasterSecret.of(urlsafe_b64decode(second.text())) == second
    assert MasterSecret.of(urlsafe_b64decode(MASTER.text())) == MASTER


def test_each_secret_has_an_id_and_a_mark_of_its_own() -> None:
    second = MASTER.successor()
    assert 0 < MASTER.key_id < 2**31 > second.key_id != MASTER.key_id
    assert len({MASTER.mark, second.mark, MasterSecret(second.value).mark}) == 3
