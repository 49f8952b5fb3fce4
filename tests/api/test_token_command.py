"""`tallystick token` signs in as the home's first login."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from typer.testing import CliRunner

from api.command_line.app import app
from tests.api.serving import Served


def test_without_a_home_it_says_what_to_do(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["token", "--home", str(tmp_path)])
    assert told.exit_code == 2
    assert "tallystick up" in told.stderr


def test_without_a_server_it_says_what_to_do(tmp_path: Path) -> None:
    login = {"url": "http://127.0.0.1:9", "email": "admin@localhost", "password": "oil"}
    (tmp_path / "first-login.json").write_text(json.dumps(login))
    told = CliRunner().invoke(app, ["token", "--home", str(tmp_path)])
    assert told.exit_code == 2
    assert "is `tallystick up` running?" in told.stderr


async def test_after_the_password_was_changed_it_says_what_to_do(
    served: Served, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{served.port}"
    login = {"url": url, "email": "admin@localhost", "password": "the old one"}
    (tmp_path / "first-login.json").write_text(json.dumps(login))
    arguments = ["token", "--home", str(tmp_path)]
    told = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert told.exit_code == 2
    assert "E-mail or password is wrong." in told.stderr
    assert "put the new one into first-login.json" in told.stderr
