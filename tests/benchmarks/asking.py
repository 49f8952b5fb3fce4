"""Requests over kept-alive connections, and the CPU time that they cost who answers."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from itertools import cycle

import uvloop

from tests.benchmarks.measuring import Measured, by_tasks
from tests.benchmarks.web import Web
from workers.importing.connection import Answer, Connection, Origin


def answers(web: Web, requests: Sequence[bytes]) -> list[Answer]:
    """One after the other, each to be had."""
    return asyncio.run(_answers(web, requests))


def turn(
    web: Web,
    requests: Sequence[bytes] | Iterator[bytes],
    *,
    statuses: Collection[int] = (200,),
    clients: int,
    lasting_s: float,
) -> Measured:
    """Clients ask in turn; `seconds` is CPU time of the process that answers.

    `requests`: asked again and again, or an endless row of others. Each client has asked once
    before it counts, so a single one begins with the second request.
    """
    upcoming = requests if isinstance(requests, Iterator) else cycle(requests)
    return uvloop.run(_turn(web, upcoming, statuses, clients, lasting_s))


async def _answers(web: Web, requests: Sequence[bytes]) -> list[Answer]:
    connection = _connection(web)
    try:
        found = [await connection.ask(request) for request in requests]
    finally:
        connection.close()
    assert all(answer.ok for answer in found), found[0]
    return found


async def _turn(
    web: Web,
    upcoming: Iterator[bytes],
    statuses: Collection[int],
    clients: int,
    lasting_s: float,
) -> Measured:
    connections = [_connection(web) for _ in range(clients)]

    async def ask(client: int) -> None:
        answer = await connections[client].ask(next(upcoming))
        assert answer.status in statuses, answer

    await asyncio.gather(*map(ask, range(clients)))
    began_s = web.cpu_s()
    done = await by_tasks(ask, callers=clients, lasting_s=lasting_s)
    used_s = web.cpu_s() - began_s
    for connection in connections:
        connection.close()
    return Measured(done.count, used_s, done.waits)


def _connection(web: Web) -> Connection:
    return Connection(Origin("127.0.0.1", web.port, secure=False, prefix=""))
