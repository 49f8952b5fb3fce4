"""Whatever the OpenAPI document allows or forbids, the app answers as it says."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.api.serving import Served
from tests.surface.node import HERE
from write_model.kernel.access import Role

SEED = 20260302


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.usefixtures("projector")
async def test_schemathesis_finds_nothing(served: Served) -> None:
    owner = await served.somebody(Role.OWNER)
    program = Path(sys.executable).with_name("schemathesis")
    process = await asyncio.create_subprocess_exec(
        program,
        f"--config-file={HERE / 'schemathesis.toml'}",
        "run",
        f"http://127.0.0.1:{served.port}/openapi.json",
        f"--header=Authorization: Bearer {owner.token}",
        f"--seed={SEED}",
        "--no-color",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    print(said.decode())
    assert process.returncode == 0
