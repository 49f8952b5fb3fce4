"""Processes that are killed at any moment: the projector's, and those that rebuild."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import threading
from collections.abc import Callable, Generator, Sequence
from multiprocessing.context import ForkServerProcess
from typing import Any

from projections.catalog import CATALOG
from projections.engine.alone import AlreadyRebuilding
from projections.engine.choosing import Choice
from projections.engine.mending import Mending, mendable
from projections.engine.rebuilding import Rebuild
from workers.connecting import connected
from workers.projector.collector import spare_collector
from workers.projector.running import run
from write_model.kernel.ids import new_id
from write_model.kernel.logs import configure_logs

# A process that begins with everything loaded lives long enough to be killed at its work.
_BEGUN = multiprocessing.get_context("forkserver")
_BEGUN.set_forkserver_preload([__name__])

Work = Callable[..., None]


def project(conninfo: str) -> None:
    """The projector's process."""
    configure_logs("ERROR")
    spare_collector()
    run(conninfo, holder=new_id(), stop=threading.Event())


def rebuild(conninfo: str, seed: int) -> None:
    """Some projections beside the live ones, or records in place, again and again."""
    configure_logs("ERROR")
    chance = random.Random(seed)
    names, by_record = [each.name for each in CATALOG.projections], mendable(CATALOG)
    with connected(conninfo, statement_timeout_s=30) as connection:
        for _ in iter(int, 1):  # until it is killed
            with contextlib.suppress(AlreadyRebuilding):
                if chance.random() < 0.5:
                    some = _some(chance, names)
                    Rebuild(connection, CATALOG, lambda _: None, streams_at_once=100).of(some)
                else:
                    since = Choice(since=chance.randint(1, 2_000))
                    Mending(connection, CATALOG, lambda _: None).of(_some(chance, by_record), since)


def _some(chance: random.Random, names: Sequence[str]) -> list[str]:
    return chance.sample(names, chance.randint(1, len(names)))


@contextlib.contextmanager
def begun(work: Work, *given: Any) -> Generator[ForkServerProcess]:
    """A process that does it until the block ends, and is killed then at the latest."""
    process = _BEGUN.Process(target=work, args=given)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()
