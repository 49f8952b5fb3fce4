"""The master secret is in a file or in the environment, whole, and never two at once."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from write_model.kernel.secret_sources import MOUNTED, SecretRefused, secret_bytes, with_mounted

SECRET = bytes(range(222, 254))
"""Its base64 has characters in which the two alphabets differ."""
TEXT = base64.urlsafe_b64encode(SECRET).decode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "secrets"


def test_it_is_read_from_one_line_of_a_file(file: Path) -> None:
    file.write_text(f"{TEXT}\n")
    assert secret_bytes(file) == SECRET


@pytest.mark.parametrize(
    "given", [TEXT, TEXT.rstrip("="), f" {TEXT}\n", base64.b64encode(SECRET).decode()]
)
def test_it_is_read_from_the_environment_where_no_file_is(file: Path, given: str) -> None:
    assert secret_bytes(file, given) == SECRET
    assert not file.exists()


def test_in_neither_place_there_is_none(file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        secret_bytes(file)


def test_file_and_environment_may_agree(file: Path) -> None:
    file.write_text(TEXT)
    assert secret_bytes(file, TEXT) == SECRET


def test_two_different_secrets_are_refused_without_showing_either(file: Path) -> None:
    other = base64.urlsafe_b64encode(b"an oil leak under the forklift !").decode()
    file.write_text(TEXT)
    with pytest.raises(SecretRefused, match="hold different secrets") as refused:
        secret_bytes(file, other)
    assert TEXT not in str(refused.value)
    assert other not in str(refused.value)


@pytest.mark.parametrize("text", ["c2hvcnQ=", TEXT * 2, "forklift!", "Ö" * 43, "A"])
def test_what_is_no_secret_is_refused_by_where_it_stands(file: Path, text: str) -> None:
    with pytest.raises(SecretRefused, match="TALLYSTICK_SECRET must hold 32 bytes") as refused:
        secret_bytes(file, text)
    assert refused.value.__cause__ is None
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(SecretRefused, match="secrets must hold 32 bytes"):
        secret_bytes(file)


@pytest.mark.parametrize("name", MOUNTED)
def test_what_a_vault_has_mounted_stands_in_the_place_of_its_name(name: str, file: Path) -> None:
    file.write_text(f"{TEXT}\n")
    environment = {"PATH": "/bin", f"{name}_FILE": str(file)}
    assert with_mounted(environment) == {"PATH": "/bin", name: TEXT}


def test_a_secret_is_given_or_mounted_and_not_both(file: Path) -> None:
    file.write_text(TEXT)
    both = {"REDIS_URL": "redis://cache", "REDIS_URL_FILE": str(file)}
    with pytest.raises(SecretRefused, match="REDIS_URL or REDIS_URL_FILE, not both"):
        with_mounted(both)


@pytest.mark.parametrize("content", [None, b"oil \xff leak"])
def test_a_file_that_cannot_be_read_is_named_without_its_content(
    file: Path, content: bytes | None
) -> None:
    if content:
        file.write_bytes(content)
    with pytest.raises(SecretRefused, match="DATABASE_URL_FILE names ") as refused:
        with_mounted({"DATABASE_URL_FILE": str(file)})
    assert "oil" not in str(refused.value)
    assert refused.value.__cause__ is None
