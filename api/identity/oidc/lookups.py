"""Finds where a name leads, however long that takes, and in nobody else's way."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from uuid import UUID

from api.identity.oidc.lines import Lines

Address = IPv4Address | IPv6Address

_AT_ONCE, _OF_ONE = 32, 4


def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="lookup")


@dataclass(frozen=True, slots=True)
class Lookups:
    """In threads of its own: the loop's few hash passwords.

    The system's resolver cannot be stopped. Whoever has waited long enough goes on, and the lookup
    keeps its place in the organization's line until it ends.
    """

    _lines: Lines = field(default_factory=lambda: Lines(_OF_ONE))
    _threads: ThreadPoolExecutor = field(default_factory=_threads)

    async def found(self, host: str, port: int, *, by: UUID) -> list[Address]:
        """Raises: OSError."""
        line = self._lines.of(by)
        await line.acquire()
        look = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        lookup = asyncio.get_running_loop().run_in_executor(self._threads, look)
        lookup.add_done_callback(partial(_leave, line))
        await asyncio.wait([lookup])
        return [ip_address(place[0]) for *_, place in lookup.result()]


def _leave(line: asyncio.Semaphore, lookup: asyncio.Future[Any]) -> None:
    line.release()
    if not lookup.cancelled():
        lookup.exception()  # Seen, though nobody may wait for it any more.
