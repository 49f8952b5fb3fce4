"""The next secret is made once, follows the present one, and takes its place last of all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.embedded import private_folder
from tests.identity import MASTER
from workers.embedded.account import service_account
from workers.launcher.home import Home, HomeRefused, write_whole
from workers.rotating.sources import Sources
from write_model.kernel.secret_sources import SecretRefused
from write_model.kernel.secrets import MasterSecret

NEXT = MASTER.successor()


@pytest.fixture
def home() -> Iterator[Home]:
    """With the present secret in its file."""
    with private_folder() as folder:
        home = Home(folder, service_account())
        with home.account.acting():
            write_whole(home.secret_file, MASTER.text().encode())
        yield home


def given(home: Home) -> Home:
    """The same, where the environment names the present secret and no file does."""
    home.secret_file.unlink()
    return Home(home.path, home.account, MASTER.text())


def test_the_next_one_is_made_once_and_kept_closed_until_it_is_in_its_place(home: Home) -> None:
    sources = Sources(home)
    assert sources.present() == MASTER
    following = sources.following(MASTER)
    assert following.follows(MASTER)
    assert sources.following(MASTER) == following
    assert home.next_secret.stat().st_mode & 0o777 == 0o600
    with pytest.raises(HomeRefused, match="rotate-secret"):
        home.master_secret()
    assert sources.replace(following)
    assert sources.present() == following
    assert not home.next_secret.exists()


def test_killed_between_the_two_files_it_comes_to_the_same_end(home: Home) -> None:
    sources = Sources(home)
    following = sources.following(MASTER)
    with home.account.acting():
        write_whole(home.secret_file, following.text().encode())
    assert sources.following(sources.present()) == following
    assert sources.replace(following)
    assert not home.next_secret.exists()


def test_where_the_environment_names_the_present_one_it_names_the_next_one_too(home: Home) -> None:
    there = given(home)
    with pytest.raises(SecretRefused, match="TALLYSTICK_SECRET_NEXT"):
        Sources(there).following(MASTER)
    sources = Sources(there, NEXT.text())
    assert sources.following(MASTER) == NEXT
    assert not sources.replace(NEXT), "the environment is still to be told"
    assert not there.secret_file.exists()


@pytest.mark.parametrize("other", [MasterSecret(bytes(32)), NEXT.successor()])
def test_one_that_does_not_follow_is_refused(home: Home, other: MasterSecret) -> None:
    with pytest.raises(SecretRefused, match="rotate-secret --make"):
        Sources(home, other.text()).following(MasterSecret(MASTER.value, bytes(32)))


def test_what_is_no_secret_is_refused_by_where_it_stands(home: Home) -> None:
    with pytest.raises(SecretRefused, match="TALLYSTICK_SECRET_NEXT must hold 32 bytes"):
        Sources(home, "oil").following(MASTER)
