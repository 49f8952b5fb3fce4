"""Our append, whole: ids, sealing, salts, idempotency keys, group commit, the definer function."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing.synchronize import Barrier

import uvloop

from api.serve import spare_the_collector
from tests.benchmarks.forklift import Keys, Reports
from tests.benchmarks.measuring import Measured, by_tasks
from write_model.kernel.settings import APP, Settings
from write_model.kernel.store.group_commit import GroupCommit

_WARMING = 20
_PATIENCE_S = 60.0


def appending(settings: Settings, keys: Keys, *, callers: int, lasting_s: float) -> Measured:
    """The callers of one event loop, four organizations in turn."""
    return uvloop.run(_appending(settings, keys, callers, lasting_s, None))


async def _appending(
    settings: Settings, keys: Keys, callers: int, lasting_s: float, together: Barrier | None
) -> Measured:
    log = GroupCommit(settings.conninfo(APP), settings)
    commands = Reports(keys).commands()
    try:
        for command in islice(commands, _WARMING):
            await log.append(command)
        if together is not None:
            together.wait(_PATIENCE_S)
        return await by_tasks(
            lambda _: log.queued(next(commands)), callers=callers, lasting_s=lasting_s
        )
    finally:
        await log.close()


def appending_by_processes(
    settings: Settings, keys: Keys, *, processes: int, callers: int, lasting_s: float
) -> Measured:
    """Several processes of so many callers each, from the moment that all are ready."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        processes, mp_context=context, initializer=_meet, initargs=(context.Barrier(processes),)
    ) as pool:
        asked = [
            pool.submit(_one_of_many, settings, keys, callers, lasting_s) for _ in range(processes)
        ]
        parts = [each.result() for each in asked]
    waits = tuple(wait for part in parts for wait in part.waits)
    return Measured(sum(p.count for p in parts), max(p.seconds for p in parts), waits)


_together: Barrier | None = None


def _meet(together: Barrier) -> None:
    """A barrier can only be handed to a process when it is made."""
    global _together
    _together = together
    spare_the_collector()


def _one_of_many(settings: Settings, keys: Keys, callers: int, lasting_s: float) -> Measured:
    return uvloop.run(_appending(settings, keys, callers, lasting_s, _together))
