"""Reading over HTTP: CPU time of our process beside the same route without a database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import median
from uuid import UUID

import psycopg
import uvloop

from api.identity.identity import identity
from projections.catalog import CATALOG
from projections.engine.checkpoint import Lease
from projections.engine.projector import Projector
from tests.benchmarks import plain_web
from tests.benchmarks.conditions import conditions
from tests.benchmarks.forklift import ACTOR, TENANTS, subject_keys
from tests.benchmarks.histories import write_histories
from tests.benchmarks.measuring import Measured, Turn, by_tasks, take_turns
from tests.benchmarks.report import Report, Target
from tests.benchmarks.server import BenchServer, bench_server
from tests.benchmarks.web import Web, served
from tests.embedded import running_valkey
from tests.identity import QUICK
from workers.importing.connection import Answer, Connection, Origin
from write_model.accounts import NewMember
from write_model.kernel.access import Role, system_actor
from write_model.kernel.clock import wall_clock
from write_model.kernel.ids import new_id
from write_model.kernel.passwords import Passwords
from write_model.kernel.settings import TAILER, Settings
from write_model.kernel.tokens import AccessTokens
from write_model.opening import opened

TARGETS = {
    "get_vs_no_database": Target(1.3, 1.0, at_most=True),
    "list50_vs_no_database": Target(1.8, 1.0, at_most=True),
    "not_modified_vs_no_database": Target(1.1, 1.0, at_most=True),
}
_STREAMS, _EVENTS, _CLIENTS = 8_000, 4, 64
_TENANT = TENANTS[0]


def run(*, rounds: int, lasting_s: float) -> Report:
    with bench_server() as server, running_valkey(server.folder):
        told = conditions(server, rounds=rounds, lasting_s=lasting_s)
        told |= {"incidents": _STREAMS, "events_an_incident": _EVENTS, "clients": _CLIENTS}
        streams = uvloop.run(_written(server.settings))
        _projected(server.ours(TAILER))
        with served("api.serve", _environment(server)) as ours:
            asked = Asked(_token(server.settings), streams)
            with plain(server, ours, asked) as reference:
                sides = _sides(ours, reference, asked, lasting_s)
                found = take_turns(sides, rounds=rounds, between=server.checkpoint)
    measured = {f"{name}_us": 1e6 * _median(turns) for name, turns in found.items()}
    return Report("reads", told, measured, _ratios(measured), TARGETS)


def _median(turns: Sequence[Measured]) -> float:
    return median(turn.seconds / turn.count for turn in turns)


@dataclass(frozen=True, slots=True)
class Asked:
    """The requests: the same bytes for both sides."""

    token: str
    streams: Sequence[UUID]

    def request(self, path: str, **headers: str) -> bytes:
        named = {"Host": "127.0.0.1", "Authorization": f"Bearer {self.token}", **headers}
        lines = [f"GET {path} HTTP/1.1", *(f"{n.replace('_', '-')}: {v}" for n, v in named.items())]
        return "\r\n".join([*lines, "", ""]).encode()

    def gets(self) -> list[bytes]:
        return [self.request(f"/v1/incidents/{stream}") for stream in self.streams]

    def seen(self, answers: Sequence[Answer]) -> list[bytes]:
        return [
            self.request(f"/v1/incidents/{stream}", If_None_Match=a.headers[b"etag"].decode())
            for stream, a in zip(self.streams, answers, strict=True)
        ]

    def list50(self) -> list[bytes]:
        return [self.request("/v1/incidents?limit=50")]


async def _written(settings: Settings) -> list[UUID]:
    """Incidents of one organization, whose reporter is a member of all four."""
    keys = await subject_keys(settings)
    async with opened(settings) as parts:
        people = identity(
            parts.write_model,
            parts.pool,
            parts.keyring,
            parts.master,
            clock=parts.clock,
            ids=lambda: ACTOR,
            passwords=Passwords(QUICK),
        )
        member = NewMember("Ada Forklift", "ada@example.com", frozenset({Role.INCIDENT_COMMANDER}))
        for tenant in TENANTS:
            await people.accounts.join(member, "a long password", by=system_actor(tenant))
    streams = await write_histories(settings, keys, streams=_STREAMS, events=_EVENTS)
    return [stream for tenant, stream in streams if tenant == _TENANT]


def _projected(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True, options="-c timezone=UTC") as connection:
        projector = Projector(connection, CATALOG, Lease(new_id()))
        while projector.step():
            pass
        projector.close()


def _token(settings: Settings) -> str:
    return AccessTokens(settings.master_secret(), wall_clock).issue(ACTOR, _TENANT)


def _environment(server: BenchServer) -> Mapping[str, str]:
    settings = server.settings
    return {
        "TALLYSTICK_HOME": str(settings.home),
        "TALLYSTICK_SOCKET_FOLDER": str(settings.sockets()),
        "TALLYSTICK_DATABASE_NAME": settings.database_name,
    }


@contextmanager
def plain(server: BenchServer, ours: Web, asked: Asked) -> Generator[Web]:
    """The routes without a database, which hold what ours has answered."""
    answers = asyncio.run(_answers(ours, asked.gets()))
    [page] = asyncio.run(_answers(ours, asked.list50()))
    kept = {
        "documents": {str(s): a.body.decode() for s, a in zip(asked.streams, answers, strict=True)},
        "page": page.body.decode(),
    }
    path = Path(server.folder) / "plain.json"
    path.write_text(json.dumps(kept))
    key = server.settings.master_secret().key("tokens").hex()
    environment = {plain_web.KEY: key, plain_web.KEPT: str(path)}
    with served("tests.benchmarks.plain_web", environment) as reference:
        yield reference


def _sides(ours: Web, reference: Web, asked: Asked, lasting_s: float) -> Mapping[str, Turn]:
    gets, lists = asked.gets(), asked.list50()
    seen = asked.seen(asyncio.run(_answers(ours, gets)))
    turn = partial(_turn, lasting_s=lasting_s)
    return {
        "get": partial(turn, ours, gets, 200),
        "plain_get": partial(turn, reference, gets, 200),
        "not_modified": partial(turn, ours, seen, 304),
        "list50": partial(turn, ours, lists, 200),
        "plain_list50": partial(turn, reference, lists, 200),
    }


async def _answers(web: Web, requests: Sequence[bytes]) -> list[Answer]:
    connection = Connection(_origin(web))
    try:
        return [await connection.ask(request) for request in requests]
    finally:
        connection.close()


def _turn(web: Web, requests: Sequence[bytes], status: int, *, lasting_s: float) -> Measured:
    """`seconds`: CPU time of the process that serves."""
    return uvloop.run(_loaded(web, requests, status, lasting_s))


async def _loaded(web: Web, requests: Sequence[bytes], status: int, lasting_s: float) -> Measured:
    connections = [Connection(_origin(web)) for _ in range(_CLIENTS)]
    upcoming = cycle(requests)

    async def ask(client: int) -> None:
        answer = await connections[client].ask(next(upcoming))
        assert answer.status == status, answer

    await asyncio.gather(*map(ask, range(_CLIENTS)))
    began_s = web.cpu_s()
    done = await by_tasks(ask, callers=_CLIENTS, lasting_s=lasting_s)
    used_s = web.cpu_s() - began_s
    for connection in connections:
        connection.close()
    return Measured(done.count, used_s)


def _origin(web: Web) -> Origin:
    return Origin("127.0.0.1", web.port, secure=False, prefix="")


def _ratios(us: Mapping[str, float]) -> dict[str, float]:
    return {
        "get_vs_no_database": us["get_us"] / us["plain_get_us"],
        "list50_vs_no_database": us["list50_us"] / us["plain_list50_us"],
        "not_modified_vs_no_database": us["not_modified_us"] / us["plain_get_us"],
    }
