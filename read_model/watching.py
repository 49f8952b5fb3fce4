"""What there is to watch: how far what is shown has come, how fast, and what stands in the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from write_model.kernel.asking import Pool

SIZES = (1, 3, 10, 30, 100, 300, 500)
"""A batch holds so many events at most; the projector takes no more than the last at once."""
TIMES_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Above them, one batch takes longer than any that was measured."""

_LATELY_S = 5.0
"""Who has told nothing for so long has applied nothing."""

_WATCH: LiteralString = (
    "SELECT shown, head, waiting_s, still_s, is_led, is_paused, parked, parked_events, asked,"
    " batches, events, busy_s, sizes, times, last_events, last_s, lately_events, lately_s, told_s"
    " FROM projections.watch()"
)
_REBUILDS: LiteralString = (
    "SELECT names, state, phase, done, total FROM projections.rebuilds_under_way()"
)


@dataclass(frozen=True, slots=True)
class Watched:
    """`shown`, `head`: positions of the log. `waiting_s`: None when everything is shown.

    `asked`: repairs that wait. `batches` to `times`: of all projectors ever. `sizes` and `times`
    count batches by the bounds `SIZES` and `TIMES_S`, and beyond.
    """

    shown: int
    head: int
    waiting_s: float | None
    still_s: float
    is_led: bool
    is_paused: bool
    parked: int
    parked_events: int
    asked: int
    batches: int
    events: int
    busy_s: float
    sizes: Sequence[int]
    times: Sequence[int]
    last_events: int
    last_s: float
    lately_events: int
    lately_s: float
    told_s: float | None

    @property
    def behind(self) -> int:
        """How many events are not shown yet."""
        return max(self.head - self.shown, 0)

    @property
    def events_per_s(self) -> float:
        """Lately; 0 while nothing is applied."""
        is_late = self.told_s is None or self.told_s > _LATELY_S
        return 0.0 if is_late else self.lately_events / self.lately_s


@dataclass(frozen=True, slots=True)
class RebuildUnderWay:
    """`phase` is empty while it waits for its turn; `done` of `total` events."""

    names: Sequence[str]
    state: str
    phase: str
    done: int
    total: int


async def watched(pool: Pool) -> tuple[Watched, list[RebuildUnderWay]]:
    """Both at about the same moment."""
    async with pool.connection() as connection:
        async with connection.pipeline():
            found = await connection.execute(_WATCH)
            rebuilds = await connection.execute(_REBUILDS)
        [row] = await found.fetchall()
        return Watched(*row), [RebuildUnderWay(*each) for each in await rebuilds.fetchall()]


def watch(
    connection: psycopg.Connection[tuple[Any, ...]],
) -> tuple[Watched, list[RebuildUnderWay]]:
    """The same, for the installation's own terminal."""
    [row] = connection.execute(_WATCH).fetchall()
    return Watched(*row), [RebuildUnderWay(*each) for each in connection.execute(_REBUILDS)]
