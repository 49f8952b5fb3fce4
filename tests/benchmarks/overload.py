"""Three times what can be answered, in an open loop: how much of the peak is still answered well.

Commands and reads are mixed. The generator shares the cores with what it measures, and so does the
database; `generator_cpu_cores` says how much of them the generator had.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from uuid import UUID

import uvloop

from tests.benchmarks.conditions import conditions
from tests.benchmarks.http import mixed
from tests.benchmarks.measuring import Measured
from tests.benchmarks.offering import Generator, Offered
from tests.benchmarks.product import environment, get
from tests.benchmarks.report import Report, Target
from tests.benchmarks.server import bench_server
from tests.benchmarks.shown import SMALL, shown
from tests.benchmarks.web import Web, served
from tests.embedded import running_valkey

TIMES = 3.0
TARGETS = {
    "goodput_vs_peak": Target(0.9, 1.0),
    "accepted_p99_ms": Target(1_000, 500, at_most=True),
    "refusals_with_advice": Target(1.0, 1.0),
    "memory_growth": Target(1.1, 1.03, at_most=True),
}
_CLIENTS, _MADE = 64, 60_000
_FEW_STATES = "2000"
"""Folded states kept: few, so that they are all there before memory is looked at."""


@dataclass(frozen=True, slots=True)
class Peak:
    """What can be answered: before the overload and after it, for a machine's pace drifts."""

    before: Offered
    after: Offered

    @property
    def per_s(self) -> float:
        return (self.before.per_s + self.after.per_s) / 2

    @property
    def reads_per_s(self) -> float:
        return (self.before.reads_per_s + self.after.reads_per_s) / 2

    @property
    def commands_per_s(self) -> float:
        return self.per_s - self.reads_per_s


@dataclass(frozen=True, slots=True)
class Round:
    """The peak, what came of the overload, and the memory in MiB before and after it."""

    peak: Peak
    offered: Offered
    before_mb: float
    after_mb: float
    generator_cores: float
    api_cores: float


def run(*, rounds: int, lasting_s: float) -> Report:
    """Each turn is ten times as long as another benchmark's: a queue needs time to pile up."""
    lasting_s *= 10
    with ExitStack() as running:
        server = running.enter_context(bench_server())
        running.enter_context(running_valkey(server.folder))
        told = conditions(server, rounds=rounds, lasting_s=lasting_s)
        there = shown(server)
        few = {**environment(server), "TALLYSTICK_STREAM_CACHE_SIZE": _FEW_STATES}
        web = running.enter_context(served("api.serve", few))
        requests = asked(there.tokens[SMALL], there.of(SMALL))
        one_round(web, requests, lasting_s)  # Fills what is kept, and opens as many connections.
        found = [one_round(web, requests, lasting_s) for _ in range(rounds)]
    return Report("overload", told, _figures(found), _ratios(found), TARGETS)


def asked(token: str, streams: Sequence[UUID]) -> Iterator[bytes]:
    """Two commands, a document and a list, over and over; made before anything is measured."""
    commands, documents = mixed(token, streams), cycle(streams)
    a_list = get(token, "/v1/incidents?limit=50")

    def four() -> Iterator[bytes]:
        while True:
            yield next(commands)
            yield get(token, f"/v1/incidents/{next(documents)}")
            yield next(commands)
            yield a_list

    return cycle(list(islice(four(), _MADE)))


def one_round(web: Web, requests: Iterator[bytes], lasting_s: float) -> Round:
    before = peak(web, requests, lasting_s / 3)
    before_mb, own_s, api_s = resident_mb(web), time.process_time(), web.cpu_s()
    overload = Generator(web.port, requests).offer(per_s=TIMES * before.per_s, lasting_s=lasting_s)
    offered = uvloop.run(overload)
    own_s, api_s = time.process_time() - own_s, web.cpu_s() - api_s
    cores = own_s / offered.seconds, api_s / offered.seconds
    after_mb = resident_mb(web)
    around = Peak(before, peak(web, requests, lasting_s / 3))
    return Round(around, offered, before_mb, after_mb, *cores)


def peak(web: Web, requests: Iterator[bytes], lasting_s: float) -> Offered:
    return uvloop.run(Generator(web.port, requests).saturate(clients=_CLIENTS, lasting_s=lasting_s))


def resident_mb(web: Web) -> float:
    """What the process holds in memory now."""
    shown = Path(f"/proc/{web.process.pid}/status").read_text()
    [line] = [line for line in shown.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def _ratios(found: Sequence[Round]) -> dict[str, float]:
    """Of commands and of reads apart too: neither may live at the other's cost."""
    return {
        "goodput_vs_peak": median(each.offered.per_s / each.peak.per_s for each in found),
        "commands_vs_peak": median(
            each.offered.commands_per_s / each.peak.commands_per_s for each in found
        ),
        "reads_vs_peak": median(each.offered.reads_per_s / each.peak.reads_per_s for each in found),
        "refused_share": median(each.offered.refused_share for each in found),
        "refusals_with_advice": min(each.offered.advised_share for each in found),
        "memory_growth": max(each.after_mb / each.before_mb for each in found),
    }


def _figures(found: Sequence[Round]) -> dict[str, float]:
    return {
        "peak_per_s": median(each.peak.per_s for each in found),
        "offered_per_s": median(each.offered.sent / each.offered.seconds for each in found),
        "goodput_per_s": median(each.offered.per_s for each in found),
        "peak_p99_ms": median(_wait_ms(each.peak.before, 0.99) for each in found),
        "accepted_p50_ms": median(_wait_ms(each.offered, 0.5) for each in found),
        "accepted_p99_ms": median(_wait_ms(each.offered, 0.99) for each in found),
        "memory_before_mb": median(each.before_mb for each in found),
        "connections": max(each.offered.connections for each in found),
        "lost": sum(each.offered.lost + each.offered.unanswered for each in found),
        "neither_done_nor_refused": sum(each.offered.odd for each in found),
        "generator_cpu_cores": median(each.generator_cores for each in found),
        "api_cpu_cores": median(each.api_cores for each in found),
    }


def _wait_ms(offered: Offered, share: float) -> float:
    return Measured(1, 1.0, tuple(offered.waits)).wait_ms(share)
