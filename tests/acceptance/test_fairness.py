"""One organization's import at full speed leaves the others their answers."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from signal import SIGCONT, SIGKILL, SIGSTOP

import pytest

from tests.acceptance.organizations import another_organization
from tests.acceptance.stack import Person, Stack, fresh_stack
from tests.embedded import until
from tests.house.files import CHECKOUT

Tell = Callable[[str], None]

PER_S, SECONDS, ROUNDS = 50, 10, 3
AT_MOST = 3.0
"""How much longer the slowest hundredth may take while somebody else imports."""


def took_s(stack: Stack, person: Person) -> list[float]:
    """How long each command of an open loop took, from when it was due.

    In a process of its own, so that this one's work is not measured with it.
    """
    argv = [sys.executable, "-m", "tests.acceptance.pacing", stack.url, str(PER_S), str(SECONDS)]
    run = subprocess.run(
        argv, input=person.token, cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    times: list[float] = json.loads(run.stdout)
    return times


def percentile(times_s: list[float], percent: int) -> float:
    return statistics.quantiles(times_s, n=100, method="inclusive")[percent - 1]


@pytest.mark.exhaustive
@pytest.mark.timeout(300)
def test_an_import_does_not_slow_down_another_organization(tell: Tell) -> None:
    alone, beside = list[float](), list[float]()
    with fresh_stack() as stack:
        neighbor, owner = another_organization(stack), stack.owner()
        importing = stack.cli("demo", "--incidents", "100000", "--json")
        try:
            until(lambda: stack.last_position(owner) > 2_000, "the import runs", patience_s=60)
            imported = 0
            for _ in range(ROUNDS):
                before = stack.last_position(owner)
                beside += took_s(stack, neighbor)
                imported += stack.last_position(owner) - before
                importing.send_signal(SIGSTOP)
                alone += took_s(stack, neighbor)
                importing.send_signal(SIGCONT)
        finally:
            importing.kill()
            importing.communicate()
    assert importing.returncode == -SIGKILL, "The import was over too early."
    ratio = percentile(beside, 99) / percentile(alone, 99)
    tell(
        f"{PER_S}/s for {ROUNDS} x {SECONDS} s: p50 {_ms(alone, 50)}, p99 {_ms(alone, 99)} alone;"
        f" p50 {_ms(beside, 50)}, p99 {_ms(beside, 99)} beside an import of"
        f" {imported / SECONDS / ROUNDS:.0f} commands/s: {ratio:.2f} times"
    )
    assert ratio <= AT_MOST, f"p99 {_ms(alone, 99)} -> {_ms(beside, 99)}"


def _ms(times_s: list[float], percent: int) -> str:
    return f"{percentile(times_s, percent) * 1000:.1f} ms"
