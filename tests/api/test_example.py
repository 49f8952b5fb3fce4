"""The example that README shows runs as it stands."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.api.serving import Served

EXAMPLE = Path(__file__).parents[2] / "examples" / "follow_incident.py"


@pytest.mark.usefixtures("projector")
async def test_the_example_declares_follows_and_replays(served: Served, tmp_path: Path) -> None:
    login = tmp_path / "first-login.json"
    await served.keep_login(login)
    process = await asyncio.create_subprocess_exec(
        sys.executable, EXAMPLE, login, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    assert "pushed: incident.resolved INC-1" in said.decode()
    assert "3 incident.note_added" in said.decode()
    assert "status: 'in_progress' -> 'resolved'" in said.decode()
