"""Every test of the API asks the real app over HTTP, on a real Postgres."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from functools import partial

import pytest

from tests.api.serving import Served, Somebody, Wire, serving
from workers.projector.running import run
from write_model.kernel.access import Role
from write_model.kernel.ids import new_id
from write_model.kernel.settings import TAILER, Settings


@pytest.fixture
async def served(settings: Settings) -> AsyncGenerator[Served]:
    async with serving(settings) as served:
        yield served


@pytest.fixture
async def wire(served: Served) -> AsyncGenerator[Wire]:
    """A connection on which every byte can be seen."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    yield reader, writer
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


@pytest.fixture
async def commander(served: Served) -> Somebody:
    return await served.somebody(Role.INCIDENT_COMMANDER)


@pytest.fixture
async def owner(served: Served) -> Somebody:
    return await served.somebody(Role.OWNER)


@pytest.fixture
def projector(settings: Settings) -> Iterator[None]:
    """The real projector, as its process runs it."""
    stop = threading.Event()
    work = partial(run, settings.conninfo(TAILER), holder=new_id(), stop=stop)
    thread = threading.Thread(target=work, name="projector")
    thread.start()
    yield
    stop.set()
    thread.join(10)
