"""How an organization's rows are kept, and asking to have them made anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg import sql

from read_model.reader import Reader
from write_model.kernel.asking import Pool, ask_one

_KEPT = sql.SQL(
    "SELECT applied, behind, waiting_s, is_led, is_paused, parked"
    " FROM projections.shown_to(%(tenant)s)"
)
_PROJECTIONS = sql.SQL(
    "SELECT name, version, table_name, id, state, phase, share, requested_at, ended_at, error"
    " FROM projections.rebuilds_of(%(tenant)s)"
)
_ASK: LiteralString = "SELECT projections.ask_for_rebuild(%s, %s, %s, %s, %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Kept:
    """`applied`: the organization's last position that is shown. `behind`: how many follow it.

    `waiting_s`: how long the oldest of these has waited, None when there is none.
    `parked`: its records that an event of theirs keeps from being shown as they are.
    """

    applied: int
    behind: int
    waiting_s: float | None
    is_led: bool
    is_paused: bool
    parked: int


@dataclass(frozen=True, slots=True)
class ShownProjection:
    """With its newest rebuild, None in its fields when there was none; `share`: from 0 to 1."""

    name: str
    version: int
    table: str
    rebuild: UUID | None
    state: str | None
    phase: str | None
    share: float
    requested_at: datetime | None
    ended_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class RebuildAsked:
    """Which of an organization's records are to be made anew; None says nothing.

    `since`: a position of the organization; records with an event there or later.
    """

    id: UUID
    names: Sequence[str]
    stream: UUID | None = None
    kind: str | None = None
    since: int | None = None


class Projections:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def kept(self, tenant: UUID) -> Kept:
        [row] = await self._reader.rows(tenant, _KEPT, {})
        return Kept(*row)

    async def shown(self, tenant: UUID) -> list[ShownProjection]:
        """Every projection once, by name."""
        return [ShownProjection(*row) for row in await self._reader.rows(tenant, _PROJECTIONS, {})]


async def ask_for_rebuild(pool: Pool, tenant: UUID, asked: RebuildAsked, *, by: UUID) -> bool:
    """False when the same waits or runs already.

    Not through a `Reader`, who may put a question twice.
    """
    given = asked.id, tenant, by, list(asked.names), asked.stream, asked.kind, asked.since
    return bool(await ask_one(pool, tenant, _ASK, given))
