"""Connections as the app role for the kernel's specifications."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from tests.embedded import Database
from tests.identity import Pool, ToldTime, pool_of


@pytest.fixture
async def pool(database: Database) -> AsyncGenerator[Pool]:
    async with pool_of(database) as pool:
        yield pool


@pytest.fixture
def clock() -> ToldTime:
    return ToldTime()
