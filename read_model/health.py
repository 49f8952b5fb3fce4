"""Whether what is shown keeps up with what has happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

from write_model.kernel.asking import Pool, cut_after

_HEALTH: LiteralString = (
    "SELECT waiting_s, still_s, is_led, is_paused, parked FROM projections.health()"
)
_CONNECTED_S, _ANSWERED_S = 2.0, 2.0
_LATE_S = 10.0
"""Behind *and* without movement for so long is stuck; behind alone is only busy."""


def is_stuck(waiting_s: float | None, still_s: float) -> bool:
    """Whether an event has waited for long while the position did not move: so the lag grows.

    The first observation is the position's last move; the second is now.
    """
    return waiting_s is not None and min(waiting_s, still_s) > _LATE_S


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong, as a sentence. `is_stuck`: nothing new is shown, and nobody wanted that."""

    reason: str
    is_stuck: bool = False


@dataclass(frozen=True, slots=True)
class ProjectorHealth:
    """`waiting_s`: age of the oldest event not shown yet, None when all are.

    `still_s`: since when the position has not moved. `parked`: how many records an event of theirs
    keeps from being shown as they are.
    """

    waiting_s: float | None
    still_s: float
    is_led: bool
    is_paused: bool
    parked: int

    def complaint(self) -> Complaint | None:
        """What is wrong; None when nothing is."""
        if self.is_paused:
            resuming = "`tallystick projections resume` lets it go on."
            return Complaint(self._with_what_is_parked(f"The projector is paused; {resuming}"))
        if is_stuck(self.waiting_s, self.still_s):
            return Complaint(self._with_what_is_parked(self._why_still()), is_stuck=True)
        return Complaint(self._what_is_parked()) if self.parked else None

    def _why_still(self) -> str:
        if self.is_led:
            return "The projector does not move; see its log."
        return "No projector is running; what is shown stands still."

    def _with_what_is_parked(self, reason: str) -> str:
        return f"{reason} {self._what_is_parked()}" if self.parked else reason

    def _what_is_parked(self) -> str:
        records = "1 record is" if self.parked == 1 else f"{self.parked} records are"
        return f"{records} parked and shown as before; ask `tallystick dead-letters list`."


async def projector_health(pool: Pool) -> ProjectorHealth:
    """Raises: psycopg.Error, also when there is no answer within four seconds."""
    async with pool.connection(timeout=_CONNECTED_S) as connection:
        with cut_after(connection, _ANSWERED_S):
            cursor = await connection.execute(_HEALTH)
            [row] = await cursor.fetchall()
    return ProjectorHealth(*row)
