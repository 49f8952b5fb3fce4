"""What the projector does between batches, once a second: it tells what it did, and repairs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from projections.engine.activity import Activity
from projections.engine.asked_repairs import repair_next
from projections.engine.projector import Projector

EVERY_S = 1.0


@dataclass(slots=True)
class Rounds:
    """Around the steps of a projector; one that stands by has nothing to tell or to do."""

    projector: Projector = field(repr=False)  # In a traceback it fills pages.
    activity: Activity
    _due_s: float = 0.0

    def step(self) -> int:
        """A step of the projector, and how long it took."""
        began_s = time.monotonic()
        events = self.projector.step()
        if events and self.projector.position is not None:
            self.activity.add(events, time.monotonic() - began_s)
        return events

    def turn(self, now_s: float) -> None:
        """One repair at a time, so that the log never waits for many."""
        if now_s < self._due_s or self.projector.position is None:
            return
        self.activity.tell(self.projector.connection, now_s)
        self._due_s = now_s + EVERY_S
        if repair_next(self.projector.connection, self.projector.catalog):
            self.projector.keep()  # It notices there that other rows are shown now.
