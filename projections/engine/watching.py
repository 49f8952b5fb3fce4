"""How far the newest rebuild is, as it was written down last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

from projections.engine.log import Connection

_NEWEST: LiteralString = (
    "SELECT names, CASE WHEN state = 'running' AND NOT projections.is_rebuilding()"
    " THEN 'interrupted' ELSE state END, phase, done, total, error FROM projections.rebuilds"
    " ORDER BY state = 'running' DESC, coalesce(started_at, requested_at) DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """`state`: waiting, running, interrupted (its process is gone), done or failed.

    `phase`: None before it began. `done` of `total`: positions of the log, over all parts of it.
    """

    names: list[str]
    state: str
    phase: str | None
    done: int
    total: int
    error: str | None

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.done / self.total if self.total else 0.0


def newest(connection: Connection) -> Rebuilding | None:
    """The rebuild that runs, or began last; None before the first."""
    row = connection.execute(_NEWEST).fetchone()
    return Rebuilding(*row) if row else None
