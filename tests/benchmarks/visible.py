"""From a command over HTTP to the read that shows it, on the real processes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from time import perf_counter
from typing import NamedTuple

import uvloop
from pydantic_core import from_json, to_json

from api.serve import spare_the_collector
from tests.benchmarks.conditions import conditions
from tests.benchmarks.forklift import TENANTS
from tests.benchmarks.histories import NOTE
from tests.benchmarks.measuring import Measured
from tests.benchmarks.product import environment, joined, projecting, request, token
from tests.benchmarks.report import Report, Target
from tests.benchmarks.server import bench_server
from tests.benchmarks.web import served
from tests.embedded import running_valkey
from workers.importing.connection import Answer, Connection, Origin
from write_model.kernel.access import Role
from write_model.kernel.settings import Settings
from write_model.opening import opened

TARGETS = {
    "visible_p50_ms": Target(5, 3, at_most=True),
    "visible_p99_ms": Target(20, 5, at_most=True),
}
_PER_S = 500
_LINES = 64
_WARMING_S = 2.0
_QUIET_COMMANDS, _QUIET_S = 20, 1.0
"""As somebody works who reads and clicks, with nobody else about."""


class Seen(NamedTuple):
    """Seconds from when a command was sent: until it was answered, until a read showed it.

    `reads`: how many it took; one that waited as long as it had to. `late_s`: how long after it was
    due the command was sent.
    """

    answered_s: float
    visible_s: float
    reads: int
    late_s: float = 0.0


def run(*, rounds: int, lasting_s: float) -> Report:
    spare_the_collector()
    with bench_server() as server, running_valkey(server.folder):
        told = conditions(server, rounds=rounds, lasting_s=lasting_s)
        told |= {"commands_per_s": _PER_S, "connections": _LINES, "quiet_pause_s": _QUIET_S}
        access = uvloop.run(_access(server.settings))
        with projecting(server), served("api.serve", environment(server)) as api:
            origin = Origin("127.0.0.1", api.port, secure=False, prefix="")
            client = _Client(origin, access)
            seen, quiet = uvloop.run(client.measured(rounds=rounds, lasting_s=lasting_s))
    figures = _figures("", seen) | _figures("quiet_", quiet)
    ratios = {name: figures[name] for name in TARGETS}
    return Report("visible", told, figures, ratios, TARGETS)


async def _access(settings: Settings) -> str:
    async with opened(settings) as parts:
        subject = await joined(parts, TENANTS[0], Role.INCIDENT_COMMANDER)
    return token(settings, subject, TENANTS[0])


def _figures(kind: str, seen: Sequence[Seen]) -> dict[str, float]:
    """Over all commands, not medians of rounds: a slow one counts wherever it was."""
    waits = {
        "visible": [one.visible_s for one in seen],
        "answered": [one.answered_s for one in seen],
        "answered_to_visible": [one.visible_s - one.answered_s for one in seen],
        "sent_late": [one.late_s for one in seen],
    }
    sides = {name: Measured(len(found), 1.0, tuple(found)) for name, found in waits.items()}
    figures = {
        f"{kind}{name}_p{percent}_ms": side.wait_ms(percent / 100)
        for name, side in sides.items()
        for percent in (50, 99)
    }
    return figures | {f"{kind}reads_a_command": sum(one.reads for one in seen) / len(seen)}


class _Client:
    """Somebody with many connections, who looks at each record as soon as he was answered."""

    def __init__(self, origin: Origin, access: str) -> None:
        self._origin, self._access = origin, access
        self._idle = asyncio.LifoQueue[Connection]()
        self._incidents: list[str] = []
        self._commands = self._mixed()

    async def measured(
        self, *, rounds: int, lasting_s: float
    ) -> tuple[Sequence[Seen], Sequence[Seen]]:
        """At the pace, then on the quiet stack."""
        for _ in range(_LINES):
            self._idle.put_nowait(Connection(self._origin))
        await self._visible(perf_counter())
        await self._paced(_WARMING_S)
        seen = [one for _ in range(rounds) for one in await self._paced(lasting_s)]
        quiet: list[Seen] = []
        for _ in range(_QUIET_COMMANDS):
            await asyncio.sleep(_QUIET_S)
            quiet.append(await self._visible(perf_counter()))
        return seen, quiet

    async def _paced(self, seconds: float) -> Sequence[Seen]:
        """An open loop: a command is sent when it is due, whatever became of those before."""
        began, tasks = perf_counter(), list[asyncio.Task[Seen]]()
        for number in range(int(_PER_S * seconds)):
            due = began + number / _PER_S
            await asyncio.sleep(max(0.0, due - perf_counter()))
            tasks.append(asyncio.create_task(self._visible(due)))
        return await asyncio.gather(*tasks)

    async def _visible(self, due: float) -> Seen:
        sent = perf_counter()  # Whoever finds no free connection waits too.
        line = await self._idle.get()
        path, body = next(self._commands)
        told = from_json((await self._asked(line, "POST", path, to_json(body))).body)
        answered = perf_counter()
        path = f"/v1/incidents/{told['id']}?min_position={told['position']}"
        reads, shown = 1, from_json((await self._asked(line, "GET", path)).body)
        while shown.get("stale"):
            reads, shown = reads + 1, from_json((await self._asked(line, "GET", path)).body)
        visible = perf_counter()
        assert shown["version"] >= told["version"]
        self._idle.put_nowait(line)
        if told["version"] == 1:
            self._incidents.append(told["id"])
        return Seen(answered - sent, visible - sent, reads, sent - due)

    async def _asked(self, line: Connection, method: str, path: str, body: bytes = b"") -> Answer:
        answer = await line.ask(request(self._access, method, path, body))
        assert answer.ok, answer.body
        return answer

    def _mixed(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """One of three declares, with a name that is sealed; the others are notes and titles."""
        for number in count():
            if number % 3 == 0 or not self._incidents:
                told = {
                    "title": "The forklift leaks oil",
                    "severity": "sev3",
                    "injured": "J. Reyes",
                }
                yield "/v1/incidents", told
                continue
            path = f"/v1/incidents/{self._incidents[-1 - number % 50 % len(self._incidents)]}"
            if number % 3 == 1:
                yield f"{path}/notes", {"text": NOTE}
            else:
                yield f"{path}/describe", {"title": f"Forklift {number} leaks oil"}
