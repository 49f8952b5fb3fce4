"""Every test of the API asks the real app over HTTP, on a real Postgres."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from tests.api.serving import Served, Somebody, serving
from write_model.kernel.access import Role
from write_model.kernel.settings import Settings


@pytest.fixture
async def served(settings: Settings) -> AsyncGenerator[Served]:
    async with serving(settings) as served:
        yield served


@pytest.fixture
async def commander(served: Served) -> Somebody:
    return await served.somebody(Role.INCIDENT_COMMANDER)


@pytest.fixture
async def owner(served: Served) -> Somebody:
    return await served.somebody(Role.OWNER)
