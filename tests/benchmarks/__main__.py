"""`python -m tests.benchmarks append|command|live|rebuild [--json]`."""

from __future__ import annotations

import argparse

from tests.benchmarks.append import run as append
from tests.benchmarks.command import run as command
from tests.benchmarks.live import run as live
from tests.benchmarks.rebuild import run as rebuild

_BENCHMARKS = {"append": append, "command": command, "live": live, "rebuild": rebuild}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("benchmark", choices=_BENCHMARKS)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side has its turn")
    parser.add_argument("--seconds", type=float, default=1.5, help="how long each turn lasts")
    asked = parser.parse_args()
    report = _BENCHMARKS[asked.benchmark](rounds=asked.rounds, lasting_s=asked.seconds)
    print(report.as_json() if asked.json else report.as_text())


if __name__ == "__main__":
    main()
