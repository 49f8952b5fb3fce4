"""A wire to the database that can lose an answer: what was sent is done, and nobody hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from psycopg.conninfo import make_conninfo

_SOCKET = ".s.PGSQL.5432"


class LossyWire:
    """Stands between a client and the server's socket."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._marker = b""
        self._losing: list[bool] = []
        self.lost = 0
        self._pipes: set[asyncio.Task[None]] = set()

    def lose_answer_to(self, marker: bytes, *, times: int = 1, every: int = 1) -> None:
        """What answers the next question with these bytes is dropped and its connection cut.

        `times`: so often, and of such questions only the first of `every` so many.
        """
        self._marker = marker
        self._losing = [True, *[False] * (every - 1)] * times

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._server / _SOCKET)
        losing = asyncio.Event()
        for pipe in (self._asking(reader, back, losing), self._answering(there, writer, losing)):
            task = asyncio.create_task(pipe)
            self._pipes.add(task)
            task.add_done_callback(self._pipes.discard)

    async def _asking(
        self, client: asyncio.StreamReader, server: asyncio.StreamWriter, losing: asyncio.Event
    ) -> None:
        try:
            while content := await client.read(1 << 16):
                if self._losing and self._marker in content and self._losing.pop(0):
                    losing.set()
                server.write(content)
        finally:
            server.close()

    async def _answering(
        self, server: asyncio.StreamReader, client: asyncio.StreamWriter, losing: asyncio.Event
    ) -> None:
        try:
            while (content := await server.read(1 << 16)) and not losing.is_set():
                client.write(content)
            self.lost += losing.is_set()
        finally:
            client.close()

    async def close(self) -> None:
        for pipe in tuple(self._pipes):
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)


@asynccontextmanager
async def lossy_wire(
    conninfo: str, *, server: Path, folder: Path
) -> AsyncGenerator[tuple[LossyWire, str]]:
    """The wire, and how to log in through it; `folder` is where its own socket is made."""
    wire = LossyWire(server)
    listening = await asyncio.start_unix_server(wire.accept, folder / _SOCKET)
    try:
        yield wire, make_conninfo(conninfo, host=str(folder))
    finally:
        listening.close()
        await wire.close()
