"""Follows the log by position while it is written, and tells what it saw."""

from __future__ import annotations

import asyncio
import json
import sys
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection

from tests.acceptance.races.plan import kept_plan
from write_model.kernel.settings import TAILER, Settings
from write_model.kernel.store.reading import read_range

_PAUSE_S = 0.005


class Tail:
    """Where it stands, and a digest of the events in the order in which they came."""

    def __init__(self) -> None:
        self.position = 0
        self.reconnected = 0
        self._digest = sha256()

    async def follow(self, conninfo: str, last: Path) -> None:
        """Up to the position that the file names, once it is there."""
        while True:
            try:
                await self._read(conninfo, last)
            except psycopg.OperationalError:
                self.reconnected += 1
                await asyncio.sleep(_PAUSE_S)
            else:
                return

    async def _read(self, conninfo: str, last: Path) -> None:
        async with await AsyncConnection[Any].connect(
            conninfo, autocommit=True, application_name="tallystick-tail"
        ) as connection:
            while not _has_reached(last, self.position):
                found = await read_range(connection, self.position, 1_000)
                for event in found:
                    self._digest.update(seen(event.position, event.stream, event.version))
                    self.position = event.position
                if not found:
                    await asyncio.sleep(_PAUSE_S)

    def told(self) -> str:
        return json.dumps(
            {
                "position": self.position,
                "digest": self._digest.hexdigest(),
                "reconnected": self.reconnected,
            }
        )


def _has_reached(last: Path, position: int) -> bool:
    return last.exists() and position >= int(last.read_text())


def seen(position: int, stream: object, version: int) -> bytes:
    """One event in the digest."""
    return f"{position} {stream} {version}\n".encode()


async def main(folder: Path) -> None:
    kept_plan(folder)  # the race has been set up
    tail = Tail()
    await tail.follow(Settings().conninfo(TAILER), folder / "last")
    (folder / "tail.json").write_text(tail.told())


if __name__ == "__main__":
    import_module("write_model.incident.events")  # its topics are decoded
    asyncio.run(main(Path(sys.argv[1])))
