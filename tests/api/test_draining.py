"""A process that is asked to end answers whoever asks meanwhile, and sends him elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.api.serving import Served, serving
from tests.embedded import Database, until
from write_model.kernel.settings import Settings

ASKED = b"GET /livez HTTP/1.1\r\nHost: tallystick\r\n\r\n"
READY = ASKED.replace(b"livez", b"readyz")


@dataclass(frozen=True, slots=True)
class Line:
    """A connection that a client keeps."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, request: bytes = ASKED) -> bytes:
        self.writer.write(request)
        return await self.answer()

    async def answer(self) -> bytes:
        """Head and body; every answer here ends in a brace."""
        async with asyncio.timeout(10):
            return await self.reader.readuntil(b"}")

    async def is_closed(self) -> bool:
        async with asyncio.timeout(10):
            return await self.reader.read() == b""


@asynccontextmanager
async def line(served: Served) -> AsyncGenerator[Line]:
    """One that has been used already."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    kept = Line(reader, writer)
    assert b"connection: close" not in await kept.ask()
    try:
        yield kept
    finally:
        writer.close()


async def drains(served: Served) -> None:
    served.server.should_exit = True
    async with asyncio.timeout(10):
        await served.process.draining.wait()


async def somebody_waits(held: psycopg.Connection[Any]) -> None:
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted"
    await asyncio.to_thread(until, lambda: held.execute(waiting).fetchone() is not None, "it waits")


async def test_what_is_asked_on_a_kept_connection_is_answered_for_the_last_time(
    settings: Settings,
) -> None:
    patient = settings.model_copy(update={"drain_idle_s": 10})
    async with serving(patient) as served, line(served) as one, line(served) as another:
        await drains(served)
        told = await one.ask()
        assert told.startswith(b"HTTP/1.1 200 ")
        assert b"\r\nconnection: close\r\n" in told
        assert await one.is_closed()
        unready = await another.ask(READY)
        assert unready.startswith(b"HTTP/1.1 503 ")
        assert b'"draining"' in unready


@pytest.mark.parametrize("sent", [1, len(ASKED) - 2])
async def test_half_a_question_is_waited_for(settings: Settings, sent: int) -> None:
    hasty = settings.model_copy(update={"drain_idle_s": 0.1})
    async with serving(hasty) as served, line(served) as asking, line(served) as quiet:
        asking.writer.write(ASKED[:sent])
        await asking.writer.drain()
        await drains(served)
        assert await quiet.is_closed()
        assert b"\r\nconnection: close\r\n" in await asking.ask(ASKED[sent:])


async def test_a_request_under_way_is_answered_and_told(
    settings: Settings, database: Database
) -> None:
    hasty = settings.model_copy(update={"drain_idle_s": 0.1})
    async with serving(hasty) as served, line(served) as asking, line(served) as quiet:
        with psycopg.connect(database.conninfo("postgres")) as held:
            held.execute("LOCK TABLE projections.checkpoint")
            asking.writer.write(READY)
            await somebody_waits(held)
            await drains(served)
            assert await quiet.is_closed()
        assert b"\r\nconnection: close\r\n" in await asking.answer()


async def test_a_connection_on_which_nothing_comes_is_closed(settings: Settings) -> None:
    hasty = settings.model_copy(update={"drain_idle_s": 0.1})
    async with serving(hasty) as served, line(served) as quiet:
        await drains(served)
        assert await quiet.is_closed()


async def test_nobody_holds_the_end_up_for_longer_than_is_set(settings: Settings) -> None:
    hasty = settings.model_copy(update={"drain_s": 0.2, "drain_idle_s": 5})
    async with serving(hasty) as served, line(served) as asking:
        asking.writer.write(ASKED[:5])
        await asking.writer.drain()
        await drains(served)
        assert await asking.is_closed()
