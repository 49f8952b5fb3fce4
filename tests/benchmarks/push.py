"""What happens, pushed: the CPU time of a message to many, how soon it is there, and who waits.

The api's process follows the log that another process writes, as it does when several serve. Beside
it, in turn, one frame goes to as many by itself, and a text as the framework's tutorial sends it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.request import Request, urlopen

import uvloop

from api.serve import spare_the_collector
from tests.benchmarks.conditions import conditions
from tests.benchmarks.followers import Asked, followers
from tests.benchmarks.forklift import TENANTS, Keys, Reports, subject_keys
from tests.benchmarks.measuring import Measured
from tests.benchmarks.product import environment, joined, token
from tests.benchmarks.report import Report, Target
from tests.benchmarks.server import BenchServer, bench_server
from tests.benchmarks.web import Web, served
from tests.embedded import running_valkey
from write_model.kernel.access import Role
from write_model.kernel.settings import APP, Settings
from write_model.kernel.store.group_commit import GroupCommit
from write_model.opening import opened

TARGETS = {
    "push_us_per_message_1000": Target(9, 5, at_most=True),
    "push_us_per_message_5000": Target(18, 10, at_most=True),
    # Of the machine that the lines above are of: 9 by 2.9, and 18 by 5.3 us.
    "push_vs_one_frame_1000": Target(None, 3.1, at_most=True),
    "push_vs_one_frame_5000": Target(None, 3.4, at_most=True),
    "idle_connection_kb": Target(25, 15, at_most=True),
    "delivered_p50_ms": Target(10, 5, at_most=True),
    "delivered_share_with_stuck_client": Target(1.0, 1.0),
}
_TENANT = TENANTS[0]
_PATIENCE_S = 120.0
_IDLE = 2_000
_FEW, _MANY = 1_000, 5_000
_FEW_PER_S, _MANY_PER_S = 40, 8
"""Commits a second: each message is fanned out by itself, so that none gains by its neighbours."""
_SOME, _SOME_PER_S = 100, 50
_MANY_BEGIN = {
    f"TALLYSTICK_STREAMS_A_MINUTE_OF_{whose}": "1000000" for whose in ("ORGANIZATION", "ACTOR")
}
"""All of them are one person here, and would be told to wait."""
_READING, _BURST = 20, 3_000
"""Beside the one that is stuck; together 60,000 messages."""


class Pushed(NamedTuple):
    """`arrivals`: of each follower, by message. `cpu_s`: of the api's process meanwhile."""

    committed: Sequence[float]
    arrivals: Sequence[Sequence[float]]
    cpu_s: float

    def delivered(self) -> int:
        return sum(len(each) for each in self.arrivals)

    def waits(self) -> Measured:
        """Seconds from the commit's answer until a follower had it; none before it."""
        waits = [
            max(0.0, arrived - committed)
            for each in self.arrivals
            for committed, arrived in zip(self.committed, each, strict=False)
        ]
        return Measured(len(waits), 1.0, tuple(waits))


def _said(web: Web, count: int, *, messages: int, per_s: float) -> Pushed:
    """By a process that follows nothing: it says by itself what it is asked to."""
    with followers(Asked(web.port, "", count)) as following:
        began_s = web.cpu_s()
        wanted = f"http://127.0.0.1:{web.port}/v1/said?messages={messages}&per_s={per_s}"
        urlopen(Request(wanted, method="POST"), timeout=_PATIENCE_S).close()
        return Pushed((), following.arrivals(messages), web.cpu_s() - began_s)


class _Bench:
    def __init__(self, server: BenchServer, api: Web, access: str, keys: Keys) -> None:
        self._server, self._api, self._access, self._keys = server, api, access, keys

    def pushed(self, count: int, *, messages: int, per_s: float | None, stuck: int = 0) -> Pushed:
        """`per_s`: None for as fast as they are committed."""
        asked = Asked(self._api.port, self._access, count + stuck, stuck)
        with followers(asked) as following:
            began_s = self._api.cpu_s()
            committed = uvloop.run(_committed(self._server.settings, self._keys, messages, per_s))
            arrivals = following.arrivals(messages)
            return Pushed(committed, arrivals, self._api.cpu_s() - began_s)

    def idle_kb(self) -> float:
        """What a connection more costs in resident memory."""
        asked = Asked(self._api.port, self._access, _IDLE)
        before_kb = self._resident_kb()
        with followers(asked):
            return (self._resident_kb() - before_kb) / _IDLE

    def _resident_kb(self) -> int:
        status = Path(f"/proc/{self._api.process.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
        return int(line.split()[1])


def run(*, rounds: int, lasting_s: float) -> Report:
    spare_the_collector()
    with bench_server() as server, running_valkey(server.folder):
        told = conditions(server, rounds=rounds, lasting_s=lasting_s)
        told |= {"idle_connections": _IDLE, "writers": "another process"}
        access, keys = uvloop.run(_prepared(server.settings))
        figures = dict[str, float]()
        with _measured(server, access, keys) as bench:
            bench.pushed(_SOME, messages=_SOME_PER_S, per_s=_SOME_PER_S)  # to warm it
            figures["idle_connection_kb"] = bench.idle_kb()
        with (
            _measured(server, access, keys) as bench,
            served("tests.benchmarks.plain_push", {}) as one_frame,
            served("tests.benchmarks.plain_web", {}) as loop,
        ):
            figures |= _to_many(bench, {"one_frame": one_frame, "loop": loop}, rounds, lasting_s)
            figures |= _figures(bench, rounds, lasting_s)
    return Report("push", told, figures, _ratios(figures), TARGETS)


def _ratios(figures: Mapping[str, float]) -> Mapping[str, float]:
    return {name: figures[name] for name in TARGETS if name in figures} | {
        f"push_vs_{other}_{count}": figures[f"push_us_per_message_{count}"]
        / figures[f"{other}_us_per_message_{count}"]
        for other in ("one_frame", "loop")
        for count in (_FEW, _MANY)
    }


@contextmanager
def _measured(server: BenchServer, access: str, keys: Keys) -> Generator[_Bench]:
    with served("api.serve", {**environment(server), **_MANY_BEGIN}) as api:
        yield _Bench(server, api, access, keys)


def _to_many(
    bench: _Bench, others: Mapping[str, Web], rounds: int, lasting_s: float
) -> Mapping[str, float]:
    """Ours and the others' in turn."""
    figures = dict[str, float]()
    for count, per_s in ((_FEW, _FEW_PER_S), (_MANY, _MANY_PER_S)):
        messages = max(1, int(per_s * lasting_s))
        ours, theirs = list[Pushed](), {name: list[Pushed]() for name in others}
        for _ in range(rounds):
            ours.append(bench.pushed(count, messages=messages, per_s=per_s))
            for name, web in others.items():
                theirs[name].append(_said(web, count, messages=messages, per_s=per_s))
        for name, turns in {"push": ours, **theirs}.items():
            costs = (1e6 * turn.cpu_s / turn.delivered() for turn in turns)
            figures[f"{name}_us_per_message_{count}"] = median(costs)
        figures |= _waits(f"delivered_{count}", ours)
    return figures


def _figures(bench: _Bench, rounds: int, lasting_s: float) -> Mapping[str, float]:
    figures = dict[str, float]()
    messages = int(_SOME_PER_S * lasting_s)
    turns = [bench.pushed(_SOME, messages=messages, per_s=_SOME_PER_S) for _ in range(rounds)]
    figures |= _waits("delivered", turns)
    burst = bench.pushed(_READING, messages=_BURST, per_s=None, stuck=1)
    figures["delivered_share_with_stuck_client"] = burst.delivered() / (_READING * _BURST)
    return figures


def _waits(name: str, turns: Sequence[Pushed]) -> Mapping[str, float]:
    waits = [turn.waits() for turn in turns]
    return {
        f"{name}_p50_ms": median(each.wait_ms(0.5) for each in waits),
        f"{name}_p99_ms": median(each.wait_ms(0.99) for each in waits),
    }


async def _prepared(settings: Settings) -> tuple[str, Keys]:
    async with opened(settings) as parts:
        subject = await joined(parts, _TENANT, Role.INCIDENT_COMMANDER)
    return token(settings, subject, _TENANT), await subject_keys(settings, [_TENANT])


async def _committed(
    settings: Settings, keys: Keys, messages: int, per_s: float | None
) -> Sequence[float]:
    """When each was answered, in the log's order."""
    log = GroupCommit(settings.conninfo(APP), settings)
    commands = list(islice(Reports(keys, [_TENANT]).commands(), messages))
    try:
        began, times = time.monotonic(), list[float]()
        for number, command in enumerate(commands):
            if per_s is not None:
                await asyncio.sleep(max(0.0, began + number / per_s - time.monotonic()))
            await log.append(command)
            times.append(time.monotonic())
        return times
    finally:
        await log.close()
