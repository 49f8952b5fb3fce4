"""Two organizations whose incidents are projected, and a reader as the app role."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from uuid import UUID

import psycopg
import pytest

from projections.catalog import CATALOG
from projections.engine.checkpoint import Lease
from projections.engine.projector import Projector
from read_model.queries.cursor import Cursors
from read_model.reader import Reader, open_pool
from tests.embedded import Database
from tests.projections.story import Story, write_log
from write_model.kernel.secrets import MasterSecret

Show = Callable[[Story], None]


@pytest.fixture
def show(database: Database) -> Show:
    """Writes what the story has told since the last time, and projects it."""
    written = 0

    def show(story: Story) -> None:
        nonlocal written
        with psycopg.connect(database.conninfo("postgres"), autocommit=True) as log:
            write_log(log, story.events[written:])
        written = len(story.events)
        tailer = database.conninfo("tallystick_tailer")
        with psycopg.connect(tailer, autocommit=True) as connection:
            projector = Projector(connection, CATALOG, Lease(UUID(int=1)))
            while projector.step():
                pass

    return show


@pytest.fixture
async def reader(database: Database) -> AsyncIterator[Reader]:
    async with open_pool(database.conninfo("tallystick_app"), size=2) as pool:
        yield Reader(pool)


@pytest.fixture
def cursors() -> Cursors:
    return Cursors(MasterSecret(b"an oil leak under the forklift !"))
