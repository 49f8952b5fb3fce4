"""`python -m tests.acceptance.memory [SECONDS]`: what the whole stack holds on a fresh home.

Proportional set size (PSS): memory that processes share is counted once, in parts.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.acceptance.stack import Stack, fresh_stack

AT_MOST_MB = 350


def held_kb(stack: Stack) -> Counter[str]:
    """Name of a program -> the PSS of its processes, the launcher's among them."""
    held = Counter[str]()
    names = {pid: name for name, pid in stack.services().items()}
    for pid in family(stack.process.pid):
        held[_name(pid, names)] += _pss_kb(pid)
    return held


def family(pid: int) -> Iterator[int]:
    """The process and all that descend from it."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from family(int(child))


def _name(pid: int, names: dict[int, str]) -> str:
    if pid in names:
        return names[pid]
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    return "postgres" if command.startswith(b"postgres:") else "launcher"


def _pss_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def measured_kb(after_s: float) -> Counter[str]:
    """On a fresh home, so long after the first login."""
    with fresh_stack() as stack:
        stack.owner()
        time.sleep(after_s)
        return held_kb(stack)


def told(held: Counter[str]) -> str:
    parts = ", ".join(f"{name} {kb / 1024:.0f}" for name, kb in held.most_common())
    return f"{held.total() / 1024:.0f} MB PSS of {AT_MOST_MB} ({parts})"


if __name__ == "__main__":
    print(told(measured_kb(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)))
