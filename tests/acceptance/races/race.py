"""Sets a race up, lets it run, and reports what came of it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from psycopg import AsyncConnection

from tests.acceptance.races.checking import (
    Faults,
    check_answers,
    check_log,
    check_refusals,
    digest,
    read_log,
)
from tests.acceptance.races.disturbing import Disturber
from tests.acceptance.races.plan import (
    STREAMS,
    TENANTS,
    Answer,
    HotStream,
    Plan,
    answers,
    keep_plan,
    keep_streams,
)
from write_model.incident.commands import DeclareIncident
from write_model.incident.events import Severity
from write_model.kernel.access import system_actor
from write_model.kernel.settings import Settings
from write_model.opening import opened

_PATIENCE_S = 60
_DECLARE = DeclareIncident(title="Forklift leaks oil", severity=Severity.SEV3)


async def race(plan: Plan, settings: Settings, superuser: str, folder: Path) -> dict[str, Any]:
    """Run the plan on a fresh database; `faults` of the report is empty when all went well."""
    keep_plan(folder, plan)
    keep_streams(folder, await _declared(settings))
    async with AsyncExitStack() as processes:
        tail = await _start(processes, "tail", settings, folder)
        writers = [
            await _start(processes, "writer", settings, folder, str(number))
            for number in range(plan.processes)
        ]
        began = time.monotonic()
        disturber = await _disturbed(plan, writers, superuser, folder)
        await asyncio.gather(*map(_ended, writers))
        took_s = time.monotonic() - began
        rows = _finish(superuser, folder)
        await _ended(tail)
    report = _report(plan, rows, list(answers(folder)), folder)
    return report | {
        "seconds": round(took_s, 1),
        "backends_ended": disturber.ended,
        "backends_paused": disturber.paused,
    }


async def _declared(settings: Settings) -> list[HotStream]:
    async with opened(settings) as parts:
        return [
            HotStream(
                tenant := TENANTS[number % len(TENANTS)],
                (await parts.write_model.start(_DECLARE, by=system_actor(tenant))).stream,
            )
            for number in range(STREAMS)
        ]


async def _start(
    processes: AsyncExitStack, what: str, settings: Settings, folder: Path, *argv: str
) -> Process:
    environment = {
        **os.environ,
        "TALLYSTICK_HOME": str(settings.home),
        "TALLYSTICK_SOCKET_FOLDER": str(settings.sockets()),
        "TALLYSTICK_DATABASE_NAME": settings.database_name,
    }
    module = f"tests.acceptance.races.{what}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, str(folder), *argv, stdout=PIPE, env=environment
    )
    processes.callback(_leave_none, process)
    return process


def _leave_none(process: Process) -> None:
    if process.returncode is None:
        process.kill()


async def _disturbed(plan: Plan, writers: list[Process], superuser: str, folder: Path) -> Disturber:
    async with await AsyncConnection[Any].connect(superuser, autocommit=True) as connection:
        disturber = Disturber(connection, Random(plan.seed))
        try:
            await _watched(plan, writers, disturber)
        finally:
            (folder / "stop").touch()
            await disturber.settle()
    return disturber


async def _watched(plan: Plan, writers: list[Process], disturber: Disturber) -> None:
    """Disturb as often as planned, evenly over the commands, until enough are accepted.

    Of those after every process was there: one may start some seconds before another.
    """
    accepted, before = [0] * len(writers), 0

    async def heard(number: int) -> None:
        stdout = writers[number].stdout
        assert stdout is not None
        async for told in stdout:
            accepted[number] = int(told)

    hearing = [asyncio.create_task(heard(number)) for number in range(len(writers))]
    try:
        while (since := sum(accepted) - before) < plan.commands or disturber.ended < plan.kills:
            assert not any(task.done() for task in hearing), "A writer ended before its time."
            if not all(accepted):
                before = sum(accepted)
            elif disturber.ended * plan.commands <= since * plan.kills:
                await disturber.disturb()
            await asyncio.sleep(0.02)
    finally:
        for task in hearing:
            task.cancel()
        await asyncio.gather(*hearing, return_exceptions=True)


async def _ended(process: Process) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        await process.communicate()
    assert process.returncode == 0, f"A process of the race ended with {process.returncode}."


def _finish(superuser: str, folder: Path) -> list[Any]:
    with psycopg.connect(superuser) as connection:
        rows = read_log(connection)
    last = folder / "last.unfinished"
    last.write_text(str(len(rows)))
    last.rename(folder / "last")
    return rows


def _report(plan: Plan, rows: list[Any], told: list[Answer], folder: Path) -> dict[str, Any]:
    faults = Faults()
    check_log(rows, faults)
    check_answers(rows, told, faults)
    check_refusals(rows, told, faults)
    tail = json.loads((folder / "tail.json").read_text())
    faults.expect(tail["digest"] == digest(rows), "the tail skipped an event", tail)
    return {
        "seed": plan.seed,
        "commands": sum(answer.outcome == "accepted" for answer in told),
        "outcomes": dict(Counter(answer.outcome for answer in told)),
        "events": len(rows),
        "tail_reconnected": tail["reconnected"],
        "faults": faults.report(),
        **_fairness(plan, told),
    }


def _fairness(plan: Plan, told: list[Answer]) -> dict[str, Any]:
    """Shares of the accepted commands by process, in all and where they are least on a stream.

    Of those sent while every process was there: one starts some seconds before another.
    """
    begun = max(
        min(answer.sent for answer in told if answer.process == number)
        for number in range(plan.processes)
    )
    accepted = [one for one in told if one.outcome == "accepted" and one.sent >= begun]
    by_process = Counter(answer.process for answer in accepted)
    by_stream = Counter(answer.stream for answer in accepted)
    both = Counter((answer.stream, answer.process) for answer in accepted)
    processes = range(plan.processes)
    waits = sorted(answer.answered - answer.sent for answer in told)
    return {
        "shares": [round(by_process[number] / len(accepted), 3) for number in processes],
        "least_share_on_a_stream": round(
            min(
                both[stream, number] / by_stream[stream]
                for stream in by_stream
                for number in processes
            ),
            3,
        ),
        "median_answer_s": round(waits[len(waits) // 2], 4),
        "slowest_answer_s": round(waits[-1], 3),
    }
