"""What the projector has done, counted in memory and told now and then: no batch waits for it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import LiteralString

from projections.engine.log import Connection
from read_model.watching import SIZES, TIMES_S

# Added to what was told before, by whichever projector.
_TELL: LiteralString = (
    "UPDATE projections.activity SET batches = batches + %s, events = events + %s,"
    " busy_s = busy_s + %s, sizes = (SELECT array_agg(coalesce(a, 0) + coalesce(b, 0) ORDER BY n)"
    "  FROM unnest(sizes, %s::bigint[]) WITH ORDINALITY AS u (a, b, n)),"
    " times = (SELECT array_agg(coalesce(a, 0) + coalesce(b, 0) ORDER BY n)"
    "  FROM unnest(times, %s::bigint[]) WITH ORDINALITY AS u (a, b, n)),"
    " last_events = %s, last_s = %s, lately_events = %s, lately_s = %s,"
    " told_at = clock_timestamp() WHERE name = 'all'"
)


@dataclass(slots=True)
class Activity:
    """Since it was told last, at `since_s` of the caller's clock."""

    since_s: float
    _sizes: list[int] = field(default_factory=list[int])
    _times_s: list[float] = field(default_factory=list[float])

    def add(self, events: int, took_s: float) -> None:
        """One more batch was applied."""
        self._sizes.append(events)
        self._times_s.append(took_s)

    def tell(self, connection: Connection, now_s: float) -> None:
        """Write it down, if there is anything, and begin anew."""
        if self._sizes:
            connection.execute(_TELL, self._told(now_s))
            self._sizes, self._times_s = [], []
        self.since_s = now_s

    def _told(self, now_s: float) -> tuple[object, ...]:
        events, busy_s = sum(self._sizes), sum(self._times_s)
        sizes, times = _counted(self._sizes, SIZES), _counted(self._times_s, TIMES_S)
        # A clock may stand still for as long as a batch takes.
        lately_s = max(now_s - self.since_s, busy_s, 1e-6)
        last = self._sizes[-1], self._times_s[-1]
        return len(self._sizes), events, busy_s, sizes, times, *last, events, lately_s


def _counted(values: Sequence[float], bounds: Sequence[float]) -> list[int]:
    """How many of the values lie up to each bound, and beyond all."""
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[bisect_left(bounds, value)] += 1
    return counts
