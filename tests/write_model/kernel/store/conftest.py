"""A log that commits in groups, and what stands in its way."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import Any

import psycopg
import pytest

from tests.embedded import Database
from write_model.kernel.settings import APP, Settings
from write_model.kernel.store.group_commit import GroupCommit

Connection = psycopg.Connection[Any]


@pytest.fixture
def impatient() -> Settings:
    """Settings under which nobody waits long."""
    return Settings(command_deadline_s=1.0, statement_timeout_ms=400, lock_timeout_ms=200)


@pytest.fixture
async def log(database: Database) -> AsyncGenerator[GroupCommit]:
    log = GroupCommit(database.conninfo(APP), Settings())
    yield log
    await log.close()


@pytest.fixture
def superuser(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as connection:
        yield connection
