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
        self._losing = False
        self.lost = 0
        self._pipes: set[asyncio.Task[None]] = set()

    def lose_next_answer(self) -> None:
        """The next bytes from the server are dropped and the connection is cut."""
        self._losing = True

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._server / _SOCKET)
        for pipe in (self._pipe(reader, back), self._pipe(there, writer, loses=True)):
            task = asyncio.create_task(pipe)
            self._pipes.add(task)
            task.add_done_callback(self._pipes.discard)

    async def _pipe(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, loses: bool = False
    ) -> None:
        try:
            while content := await source.read(1 << 16):
                if loses and self._losing:
                    self._losing, self.lost = False, self.lost + 1
                    break
                target.write(content)
        finally:
            target.close()

    async def close(self) -> None:
        for pipe in tuple(self._pipes):
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)


@asynccontextmanager
async def lossy_wire(conninfo: str, *, server: Path, folder: Path) -> AsyncGenerator[tuple[LossyWire, str]]:
    """The wire, and how to log in through it; `folder` is where its own socket is made."""
    wire = LossyWire(server)
    listening = await asyncio.start_unix_server(wire.accept, folder / _SOCKET)
    try:
        yield wire, make_conninfo(conninfo, host=str(folder))
    finally:
        listening.close()
        await wire.close()
