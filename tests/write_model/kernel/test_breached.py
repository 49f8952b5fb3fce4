"""Passwords that are public are found in a file of digests, wherever in it they stand."""

from __future__ import annotations

from hashlib import sha1
from pathlib import Path

import pytest

from write_model.kernel.breached import Breached, BreachedRefused, breached_passwords
from write_model.kernel.errors import Invalid

PUBLIC = [f"oil under forklift {number}" for number in range(100)]


def digest(password: str) -> str:
    return sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def lines(passwords: list[str]) -> list[str]:
    return sorted(
        f"{digest(password)}:{10**place % 999_983}" for place, password in enumerate(passwords)
    )


def file_of(folder: Path, text: str) -> Path:
    path = folder / "breached.txt"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("is_last_ended", [True, False])
@pytest.mark.parametrize("count", [1, 2, 3, 100])
def test_each_that_stands_there_is_refused_and_no_other(
    count: int, is_last_ended: bool, ending: str, tmp_path: Path
) -> None:
    text = ending.join(lines(PUBLIC[:count])) + (ending if is_last_ended else "")
    breached = Breached(file_of(tmp_path, text))
    for password in PUBLIC[:count]:
        with pytest.raises(Invalid, match="made public by a breach") as refused:
            breached.must_not_hold(password, field="new_password")
        assert refused.value.field == "new_password"
    for number in range(100):
        breached.must_not_hold(f"sand binds the oil {number}", field="new_password")


def test_digests_may_be_in_small_letters(tmp_path: Path) -> None:
    breached = Breached(file_of(tmp_path, "\n".join(lines(PUBLIC)).lower() + "\n"))
    with pytest.raises(Invalid):
        breached.must_not_hold(PUBLIC[7], field="password")


@pytest.mark.parametrize("text", ["", "password\n", "oil:1\n", "A" * 40])
def test_a_file_of_something_else_is_refused_by_name(text: str, tmp_path: Path) -> None:
    path = file_of(tmp_path, text)
    with pytest.raises(BreachedRefused, match="TALLYSTICK_BREACHED_PASSWORDS") as refused:
        Breached(path)
    assert str(path) in str(refused.value)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(BreachedRefused, match=r"cannot be read .*No such file"):
        breached_passwords(str(tmp_path / "gone.txt"))


def test_without_a_file_nothing_is_looked_up() -> None:
    assert breached_passwords("") is None
