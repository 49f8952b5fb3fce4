"""Whether what is shown keeps up with what has happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

Pool = AsyncConnectionPool[AsyncConnection[Any]]

_HEALTH: LiteralString = (
    "SELECT waiting_s, still_s, is_led, is_paused, parked FROM projections.health()"
)
_LATE_S = 10.0
"""Behind *and* without movement for so long is stuck; behind alone is only busy."""


@dataclass(frozen=True, slots=True)
class ProjectorHealth:
    """`waiting_s`: age of the oldest event not shown yet, None when all are.

    `parked`: how many records an event of theirs keeps from being shown as they are.
    """

    waiting_s: float | None
    still_s: float
    is_led: bool
    is_paused: bool
    parked: int

    def complaint(self) -> str | None:
        """What is wrong, as a sentence; None when nothing is."""
        if self.is_paused:
            return "The projector is paused; `tallystick projections resume` lets it go on."
        if self.waiting_s is not None and min(self.waiting_s, self.still_s) > _LATE_S:
            return self._why_still()
        return self._what_is_parked() if self.parked else None

    def _why_still(self) -> str:
        if self.is_led:
            return "The projector does not move; see its log."
        return "No projector is running; what is shown stands still."

    def _what_is_parked(self) -> str:
        records = "1 record is" if self.parked == 1 else f"{self.parked} records are"
        return f"{records} parked and shown as before; ask `tallystick projections status`."


async def projector_health(pool: Pool) -> ProjectorHealth:
    async with pool.connection() as connection:
        cursor = await connection.execute(_HEALTH)
        [row] = await cursor.fetchall()
    return ProjectorHealth(*row)
