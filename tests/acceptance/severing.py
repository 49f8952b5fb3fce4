"""A way to Postgres on which the log's tail can be held up, as if that connection had gone silent.

Nothing else is: so what a process still does without its tail is its own doing.
"""

from __future__ import annotations

import asyncio
import re
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from write_model.kernel.secret_sources import OF_THIS_RUN

POSTGRES, VALKEY = ".s.PGSQL.5432", "valkey.sock"
_PREPARED = re.compile(rb"P.{4}([^\0]*)\0[^\0]*log\.tail\(", re.DOTALL)
_BOUND = re.compile(rb"B.{4}[^\0]*\0([^\0]+)\0", re.DOTALL)


@dataclass(slots=True)
class Way:
    """Where a process finds its servers; `sever` holds the tail up until `mend`."""

    folder: Path
    servers: Path
    held_up: int = 0
    _open: asyncio.Event = field(default_factory=asyncio.Event)

    def sever(self) -> None:
        self._open.clear()

    def mend(self) -> None:
        self._open.set()

    async def pass_on(self, asking: StreamReader, answered: StreamWriter) -> None:
        """One connection, until either side ends it."""
        answers, asked = await asyncio.open_unix_connection(self.servers / POSTGRES)
        ways = (self._questions(asking, asked), _bytes(answers, answered))
        try:
            await asyncio.gather(*ways)
        except ConnectionError:
            pass  # The other half of the connection ends with this one.
        finally:
            asked.close()
            answered.close()

    async def _questions(self, asking: StreamReader, asked: StreamWriter) -> None:
        of_the_tail: set[bytes] = set()
        while some := await asking.read(65_536):
            if _asks_for_the_tail(some, of_the_tail) and not self._open.is_set():
                self.held_up += 1
                await self._open.wait()
            asked.write(some)
            await asked.drain()
        asked.close()


@asynccontextmanager
async def severable(folder: Path, servers: Path) -> AsyncGenerator[Way]:
    """A folder of sockets that lead to the servers of another one."""
    way = Way(folder, servers)
    way.mend()
    for name in (VALKEY, OF_THIS_RUN):
        (folder / name).symlink_to(servers / name)
    server = await asyncio.start_unix_server(way.pass_on, folder / POSTGRES)
    (folder / POSTGRES).chmod(0o777)
    try:
        yield way
    finally:
        way.mend()
        server.close()


def _asks_for_the_tail(some: bytes, names: set[bytes]) -> bool:
    """By its text, or by the name that the text was prepared under on this connection."""
    prepared = _PREPARED.findall(some)
    names.update(filter(None, prepared))
    return bool(prepared) or not names.isdisjoint(_BOUND.findall(some))


async def _bytes(source: StreamReader, target: StreamWriter) -> None:
    while some := await source.read(65_536):
        target.write(some)
        await target.drain()
    target.close()
