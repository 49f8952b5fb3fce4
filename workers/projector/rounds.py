"""What the projector does between batches, once a second: what was asked of it over the API."""

from __future__ import annotations

from dataclasses import dataclass

from projections.engine.asked_repairs import repair_next
from projections.engine.projector import Projector

EVERY_S = 1.0


@dataclass(slots=True)
class Rounds:
    """Of a projector that holds the lease; the others only stand by."""

    projector: Projector
    _due_s: float = 0.0

    def turn(self, now_s: float) -> None:
        """One thing at a time, so that the log never waits for many."""
        if now_s < self._due_s or self.projector.position is None:
            return
        if repair_next(self.projector.connection, self.projector.catalog):
            self.projector.keep()  # It notices there that other rows are shown now.
        else:
            self._due_s = now_s + EVERY_S
