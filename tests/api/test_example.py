"""The example that README shows runs as it stands."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.api.serving import PASSWORD, Served
from write_model.accounts import NewMember
from write_model.kernel.access import Role, system_actor
from write_model.kernel.ids import new_id

EXAMPLE = Path(__file__).parents[2] / "examples" / "follow_incident.py"


@pytest.mark.usefixtures("projector")
async def test_the_example_declares_follows_and_replays(served: Served, tmp_path: Path) -> None:
    accounts, email = served.identity.accounts, "ada@example.com"
    member = NewMember("Ada Forklift", email, frozenset({Role.INCIDENT_COMMANDER}))
    joined = await accounts.join(member, PASSWORD, by=system_actor(new_id()))
    await accounts.settle(joined)
    login = tmp_path / "first-login.json"
    url = f"http://127.0.0.1:{served.port}"
    login.write_text(json.dumps({"url": url, "email": email, "password": PASSWORD}))
    process = await asyncio.create_subprocess_exec(
        sys.executable, EXAMPLE, login, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    assert "pushed: incident.resolved INC-1" in said.decode()
    assert "3 incident.note_added" in said.decode()
    assert "status: 'in_progress' -> 'resolved'" in said.decode()
