"""The real importer writes, and the projector is killed again and again: the rows are the fold."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL

import pytest

from projections.engine.checkpoint import lag
from projections.engine.log import Connection
from tests.acceptance.killing import begun, project
from tests.acceptance.rebuilt import every_row_is_as_the_log_says
from tests.acceptance.stack import Stack, fresh_stack, report_of
from tests.acceptance.test_killed_projector import is_left_at_once
from tests.embedded import until
from write_model.kernel.settings import TAILER

Tell = Callable[[str], None]
Process = subprocess.Popen[str]

_AT_WORK_S = 0.2


def holders_are_killed(stack: Stack, log: Connection, chance: random.Random) -> Iterator[int]:
    """Whoever has the lease is killed at some moment of its work, each time it is asked for.

    The stack's own projector comes back more and more slowly, so that another stands by.
    """
    kills = 0
    while True:
        with begun(project, stack.conninfo(TAILER)):
            until(lambda: lag(log).held, "somebody has the lease")
            time.sleep(chance.uniform(0, _AT_WORK_S))  # any moment will do
            with suppress(ProcessLookupError):
                os.kill(stack.services()["projector"], SIGKILL)
        is_left_at_once(log)
        kills += 1
        yield kills


def killed_while(running: Process, killing: Iterator[int], *, at_most: int) -> int:
    """How many kills there were in all, before it ended or there were enough."""
    kills = 0
    for kills in killing:
        if kills >= at_most or running.poll() is not None:
            break
    return kills


def projectors_are_killed(stack: Stack, *importing: str, kills: int, tell: Tell) -> None:
    with stack.connect() as log:
        killing = holders_are_killed(stack, log, random.Random(kills))
        running = stack.cli(*importing)
        during = killed_while(running, killing, at_most=kills // 2)
        report = report_of(running)
        assert report["rejected"] == []
        done = during
        while done < kills:
            rebuilding = stack.operate("projections", "rebuild", "--all", "--json")
            done = killed_while(rebuilding, killing, at_most=kills)
            assert report_of(rebuilding)["swap_ms"]
        until(lambda: not lag(log).behind, "everything is applied", patience_s=60)
        incidents = every_row_is_as_the_log_says(log)
        [(letters,)] = log.execute("SELECT count(*) FROM projections.dead_letters").fetchall()
    assert (incidents, letters) == (report["cases"], 0)
    tell(
        f"{kills} kills, {during} of them while {sum(report['commands'].values())} commands were"
        f" imported, the others while all was rebuilt; {incidents} incidents are right"
    )


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_projectors_killed_while_the_real_log_comes_in_lose_nothing(
    shared_data: Path, tell: Tell
) -> None:
    log = shared_data / "bpic13_incidents.xes.gz"
    with fresh_stack() as stack:
        projectors_are_killed(stack, "import", "xes", str(log), "--json", kills=50, tell=tell)


@pytest.mark.exhaustive
@pytest.mark.timeout(300)
def test_projectors_killed_while_invented_incidents_come_in_lose_nothing(tell: Tell) -> None:
    with fresh_stack() as stack:
        invented = ("demo", "--incidents", "300", "--seed", "5", "--json")
        projectors_are_killed(stack, *invented, kills=10, tell=tell)
