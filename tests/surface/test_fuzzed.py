"""Whatever the OpenAPI document allows or forbids, the app answers as it says."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.api.serving import Served, serving
from tests.surface.node import HERE
from write_model.kernel.access import Role
from write_model.kernel.settings import Settings

SEED = 20260302


@pytest.fixture
async def hasty(settings: Settings) -> AsyncGenerator[Served]:
    """It asks for many positions that never come."""
    async with serving(settings.model_copy(update={"read_wait_s": 0.3})) as served:
        yield served


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.usefixtures("projector")
async def test_schemathesis_finds_nothing(hasty: Served) -> None:
    owner = await hasty.somebody(Role.OWNER)
    program = Path(sys.executable).with_name("schemathesis")
    process = await asyncio.create_subprocess_exec(
        program,
        f"--config-file={HERE / 'schemathesis.toml'}",
        "run",
        f"http://127.0.0.1:{hasty.port}/openapi.json",
        f"--header=Authorization: Bearer {owner.token}",
        f"--seed={SEED}",
        "--no-color",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    print(said.decode())
    assert process.returncode == 0
