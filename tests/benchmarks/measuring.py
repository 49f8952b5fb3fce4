"""One turn of one side: how many calls, in what time, how long each took; and medians of turns."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from statistics import median
from threading import Barrier, Thread

Turn = Callable[[], "Measured"]


@dataclass(frozen=True, slots=True)
class Measured:
    """`count` things in `seconds`; `waits`: how long each call took, in seconds."""

    count: int
    seconds: float
    waits: tuple[float, ...] = ()

    def per_second(self) -> float:
        return self.count / self.seconds

    def wait_ms(self, share: float) -> float:
        """What this share of the calls did not exceed."""
        ordered = sorted(self.waits)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def take_turns(
    sides: Mapping[str, Turn], *, rounds: int, between: Callable[[], None]
) -> dict[str, list[Measured]]:
    """Every side once a round, so that whatever else the machine does strikes all alike.

    `between` runs before each turn, so that none pays for what the one before it left behind.
    """
    found: dict[str, list[Measured]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, turn in sides.items():
            gc.collect()
            between()
            found[name].append(turn())
    return found


def figures(found: Mapping[str, list[Measured]]) -> dict[str, float]:
    """Medians over the rounds: `<side>_per_s`, and `<side>_p50_ms`, `_p99_ms` where calls wait."""
    medians: dict[str, float] = {}
    for name, turns in found.items():
        medians[f"{name}_per_s"] = median(turn.per_second() for turn in turns)
        if turns[0].waits:
            medians[f"{name}_p50_ms"] = median(turn.wait_ms(0.5) for turn in turns)
            medians[f"{name}_p99_ms"] = median(turn.wait_ms(0.99) for turn in turns)
    return medians


async def by_tasks(
    call: Callable[[int], Awaitable[object]], *, callers: int, lasting_s: float
) -> Measured:
    """Callers of one event loop, each with one call under way; `call` gets its caller's number."""
    waits: list[float] = []
    began = time.perf_counter()
    end = began + lasting_s

    async def caller(number: int) -> None:
        while (asked := time.perf_counter()) < end:
            await call(number)
            waits.append(time.perf_counter() - asked)

    await asyncio.gather(*map(caller, range(callers)))
    return Measured(len(waits), time.perf_counter() - began, tuple(waits))


def by_threads(call: Callable[[int], object], *, callers: int, lasting_s: float) -> Measured:
    """The same with a thread for each caller."""
    waits: list[float] = []
    together = Barrier(callers + 1)

    def caller(number: int) -> None:
        together.wait()
        end = time.perf_counter() + lasting_s
        while (asked := time.perf_counter()) < end:
            call(number)
            waits.append(time.perf_counter() - asked)

    threads = [Thread(target=caller, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    together.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    return Measured(len(waits), time.perf_counter() - began, tuple(waits))


def alone(call: Callable[[], object], *, lasting_s: float, each: int = 1) -> Measured:
    """One caller without an event loop; a call does `each` things."""
    waits: list[float] = []
    began = time.perf_counter()
    end = began + lasting_s
    while (asked := time.perf_counter()) < end:
        call()
        waits.append(time.perf_counter() - asked)
    return Measured(len(waits) * each, time.perf_counter() - began, tuple(waits))
