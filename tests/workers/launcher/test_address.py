"""Where a stack answers is written down at each start, for the commands on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.workers.launcher.launched import READY, Launched
from tests.workers.launcher.standins.migrate import LOGIN

Launcher = Callable[..., Launched]


def address(home: Path) -> str:
    return (home / "address").read_text()


def first_login(home: Path) -> dict[str, Any]:
    login: dict[str, Any] = json.loads((home / "first-login.json").read_text())
    return login


def test_a_start_on_another_port_is_told_to_the_commands_and_in_the_first_login(
    launcher: Launcher,
) -> None:
    first = launcher()
    first.until(READY)
    first.end()
    kept = (first.home / "first-login.json").stat()
    second = launcher(STANDIN_MIGRATION="nothing")
    second.until(READY)
    url = f"http://127.0.0.1:{second.port}"
    assert second.port != first.port
    assert address(second.home) == f"{url}\n"
    assert first_login(second.home) == LOGIN | {"url": url}
    now = (second.home / "first-login.json").stat()
    assert (now.st_mode, now.st_uid, now.st_gid) == (kept.st_mode, kept.st_uid, kept.st_gid)


def test_the_first_login_keeps_the_mode_that_its_owner_gave_it(launcher: Launcher) -> None:
    first = launcher()
    first.until(READY)
    first.end()
    (first.home / "first-login.json").chmod(0o400)
    second = launcher(STANDIN_MIGRATION="nothing")
    second.until(READY)
    assert first_login(second.home)["url"].endswith(f":{second.port}")
    assert (second.home / "first-login.json").stat().st_mode & 0o777 == 0o400


def test_a_first_login_that_was_taken_away_is_not_made_again(launcher: Launcher) -> None:
    first = launcher()
    first.until(READY)
    first.end()
    (first.home / "first-login.json").unlink()
    second = launcher(STANDIN_MIGRATION="nothing")
    second.until(READY)
    assert not (second.home / "first-login.json").exists()
    assert address(second.home) == f"http://127.0.0.1:{second.port}\n"


@pytest.mark.parametrize("text", ["admin, and the oily password", "[]", '{"email": "admin"}'])
def test_a_damaged_first_login_stops_no_start(launcher: Launcher, text: str) -> None:
    first = launcher()
    first.until(READY)
    first.end()
    (first.home / "first-login.json").write_text(text)
    said = launcher(STANDIN_MIGRATION="nothing").until(READY)
    assert "first login  " not in said
    assert (first.home / "first-login.json").read_text() == text


def test_an_empty_host_is_none(launcher: Launcher) -> None:
    launched = launcher(TALLYSTICK_HOST="")
    launched.until(READY)
    assert address(launched.home) == f"http://127.0.0.1:{launched.port}\n"


def test_a_server_on_every_address_is_reached_by_loopback(launcher: Launcher) -> None:
    launched = launcher(TALLYSTICK_HOST="0.0.0.0")  # noqa: S104  # the stand-in binds loopback
    said = launched.until(READY)
    assert f"address      http://127.0.0.1:{launched.port}\n" in said
    assert address(launched.home) == f"http://127.0.0.1:{launched.port}\n"


def test_a_first_login_that_cannot_be_read_stops_no_start(launcher: Launcher) -> None:
    first = launcher()
    first.until(READY)
    first.end()
    (first.home / "first-login.json").chmod(0)
    second = launcher(STANDIN_MIGRATION="nothing")
    assert "first login  " not in second.until(READY)
    assert address(second.home) == f"http://127.0.0.1:{second.port}\n"


def test_a_first_login_that_cannot_be_written_stops_no_start(launcher: Launcher) -> None:
    first = launcher()
    first.until(READY)
    first.end()
    (first.home / "first-login.unfinished").mkdir()
    second = launcher(STANDIN_MIGRATION="nothing")
    assert "first login  " in second.until(READY)
    assert address(second.home) == f"http://127.0.0.1:{second.port}\n"


def test_an_address_that_cannot_be_written_down_is_one_warning(launcher: Launcher) -> None:
    first = launcher()
    first.until(READY)
    first.end()
    (first.home / "address").unlink()
    (first.home / "address").mkdir()
    second = launcher(STANDIN_MIGRATION="nothing")
    said = second.until(READY)
    assert said.count(f"give the commands --url http://127.0.0.1:{second.port}") == 1
    assert first_login(second.home)["url"].endswith(f":{second.port}")
