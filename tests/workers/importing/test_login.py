from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_core import to_json

from workers.importing.connection import Origin
from workers.importing.login import choose
from workers.importing.session import ImportStopped, Login, Token


@pytest.fixture
def home(tmp_path: Path) -> Path:
    told = {
        "url": "http://127.0.0.1:8411",
        "organization": "Warehouse",
        "email": "admin@example.org",
        "password": "generated",
    }
    (tmp_path / "first-login.json").write_bytes(to_json(told))
    return tmp_path


def test_without_a_token_the_first_login_of_the_home_is_used(home: Path) -> None:
    origin, credentials = choose(url=None, home=home, environment={})
    assert origin == Origin("127.0.0.1", 8411, False, "")
    assert credentials == Login("admin@example.org", "generated")


def test_a_token_goes_before_the_login_and_keeps_its_server(home: Path) -> None:
    origin, credentials = choose(url=None, home=home, environment={"TALLYSTICK_TOKEN": "t"})
    assert (origin.port, credentials) == (8411, Token("t"))


def test_where_the_last_start_answers_goes_before_the_first_login(home: Path) -> None:
    (home / "address").write_text("http://127.0.0.1:8412\n")
    with_login, _ = choose(url=None, home=home, environment={})
    with_token, _ = choose(url=None, home=home, environment={"TALLYSTICK_TOKEN": "t"})
    assert (with_login.port, with_token.port) == (8412, 8412)


def test_a_token_finds_the_server_when_the_first_login_was_taken_away(home: Path) -> None:
    (home / "address").write_text("http://127.0.0.1:8412\n")
    (home / "first-login.json").unlink()
    origin, _ = choose(url=None, home=home, environment={"TALLYSTICK_TOKEN": "t"})
    assert origin.port == 8412


def test_a_token_needs_no_home_at_all(tmp_path: Path) -> None:
    origin, _ = choose(url=None, home=tmp_path, environment={"TALLYSTICK_TOKEN": "t"})
    assert origin.port == 8400


def test_another_name_of_this_machine_is_the_same_server(home: Path) -> None:
    origin, _ = choose(url="http://localhost:9000", home=home, environment={})
    assert origin.port == 9000


def test_the_password_of_a_home_is_not_shown_to_another_server(home: Path) -> None:
    with pytest.raises(ImportStopped, match="put a token into TALLYSTICK_TOKEN"):
        choose(url="https://desk.example.org", home=home, environment={})


def test_a_home_without_a_login_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ImportStopped, match="start `tallystick up`"):
        choose(url=None, home=tmp_path, environment={})


def test_a_damaged_login_is_named(tmp_path: Path) -> None:
    (tmp_path / "first-login.json").write_text("{}")
    with pytest.raises(ImportStopped, match="is damaged"):
        choose(url=None, home=tmp_path, environment={})


def test_what_is_no_address_is_refused_in_words(home: Path) -> None:
    with pytest.raises(ImportStopped, match="is not an address"):
        choose(url="forklift", home=home, environment={})
