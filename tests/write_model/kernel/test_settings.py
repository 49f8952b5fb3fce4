"""Settings say where everything is, embedded or real."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import ValidationError

from write_model.kernel.settings import APP, Settings

SECRET = b"an oil leak under the forklift !"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "secrets").write_bytes(base64.urlsafe_b64encode(SECRET))
    return tmp_path


def test_the_embedded_servers_are_reached_in_the_home(home: Path) -> None:
    settings = Settings(home=home)
    there = conninfo_to_dict(settings.conninfo(APP))
    assert (there["host"], there["dbname"], there["user"]) == (
        str(home / "run"),
        "tallystick",
        APP,
    )
    assert there["password"] == settings.master_secret().database_password(APP)
    assert settings.cache_url() == f"unix://{home}/run/valkey.sock"


def test_sockets_may_lie_elsewhere(home: Path) -> None:
    assert Settings(home=home, socket_folder=home / "s").sockets() == home / "s"


def test_real_servers_are_used_when_they_are_named(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_HOME", str(home))
    monkeypatch.setenv("DATABASE_URL", "postgresql://admin:x@db.example/warehouse")
    monkeypatch.setenv("REDIS_URL", "redis://cache.example")
    settings = Settings()
    there = conninfo_to_dict(settings.conninfo(APP))
    assert (there["host"], there["dbname"], there["user"]) == ("db.example", "warehouse", APP)
    assert there["password"] != "x"
    assert settings.cache_url() == "redis://cache.example"


@pytest.mark.parametrize("name", ["debug", "DEBUG"])
def test_how_much_is_logged_is_a_setting(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert Settings(home=home).log_level == "INFO"
    monkeypatch.setenv("TALLYSTICK_LOG_LEVEL", name)
    assert Settings(home=home).log_level == "DEBUG"


def test_a_level_that_no_line_has_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_LOG_LEVEL", "loud")
    with pytest.raises(ValidationError, match="'DEBUG', 'INFO', 'WARNING' or 'ERROR'"):
        Settings(home=home)


def test_the_secret_may_come_from_the_environment_and_is_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = base64.urlsafe_b64encode(SECRET).decode()
    monkeypatch.setenv("TALLYSTICK_SECRET", text)
    settings = Settings(home=tmp_path)
    assert settings.master_secret().value == SECRET
    assert text not in repr(settings)


def test_settings_do_not_change(home: Path) -> None:
    settings = Settings(home=home)
    with pytest.raises(ValidationError):
        settings.__setattr__("port", 1)


def test_secrets_are_read_from_the_files_that_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {
        "TALLYSTICK_SECRET": base64.urlsafe_b64encode(SECRET).decode(),
        "DATABASE_URL": "postgresql://admin:oil@db.example/tallystick",
        "REDIS_URL": "rediss://:oil@cache.example",
    }.items():
        (tmp_path / name).write_text(f"{text}\n")
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
    settings = Settings(home=tmp_path)
    assert settings.master_secret().value == SECRET
    assert conninfo_to_dict(settings.conninfo(APP))["host"] == "db.example"
    assert settings.cache_url() == "rediss://:oil@cache.example"
