"""`python -m tests.benchmarks BENCHMARK [--json]`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

from tests.benchmarks.append import run as append
from tests.benchmarks.command import run as command
from tests.benchmarks.growth import INCIDENTS
from tests.benchmarks.growth import run as growth
from tests.benchmarks.http import run as http
from tests.benchmarks.live import run as live
from tests.benchmarks.overload import run as overload
from tests.benchmarks.push import run as push
from tests.benchmarks.reads import run as reads
from tests.benchmarks.rebuild import run as rebuild
from tests.benchmarks.report import Report
from tests.benchmarks.tracing import run as tracing
from tests.benchmarks.visible import run as visible

_BENCHMARKS: dict[str, Callable[..., Report]] = {
    "append": append,
    "command": command,
    "live": live,
    "rebuild": rebuild,
    "reads": reads,
    "growth": growth,
    "visible": visible,
    "http": http,
    "push": push,
    "overload": overload,
    "tracing": tracing,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("benchmark", choices=_BENCHMARKS)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side has its turn")
    parser.add_argument("--seconds", type=float, default=1.5, help="how long each turn lasts")
    parser.add_argument("--incidents", type=int, default=INCIDENTS, help="how far growth grows")
    asked = parser.parse_args()
    benchmark = _BENCHMARKS[asked.benchmark]
    if asked.benchmark == "growth":
        benchmark = partial(benchmark, incidents=asked.incidents)
    report = benchmark(rounds=asked.rounds, lasting_s=asked.seconds)
    print(report.as_json() if asked.json else report.as_text())


if __name__ == "__main__":
    main()
