"""Records that are parked: which, at which event, why, and what was asked for them.

From the log too, for whoever was never shown has neither number nor times elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

import psycopg

from write_model.kernel.asking import Pool, ask_one

_OF_EACH: LiteralString = """
    SELECT d.tenant_id, d.stream_id, began.number, d.version, d.type, d.tenant_position, d.reason,
           d.behind, stuck.recorded_at,
           CASE WHEN r.version IS NOT NULL THEN 'skip' WHEN r.stream_id IS NOT NULL THEN 'retry' END
               AS asked
      FROM (SELECT DISTINCT ON (stream_id)
                   tenant_id, stream_id, version, type, tenant_position, reason,
                   count(*) OVER (PARTITION BY stream_id) - 1 AS behind
              FROM projections.dead_letters
"""
_BESIDE: LiteralString = """
             ORDER BY stream_id, tenant_position) d
      JOIN log.events began ON began.tenant_id = d.tenant_id
       AND began.originator_id = d.stream_id AND began.originator_version = 1
      JOIN log.events stuck ON stuck.tenant_id = d.tenant_id
       AND stuck.originator_id = d.stream_id AND stuck.originator_version = d.version
      LEFT JOIN projections.repairs r ON r.tenant_id = d.tenant_id AND r.stream_id = d.stream_id
"""
_ALL: LiteralString = _OF_EACH + _BESIDE + " ORDER BY stuck.recorded_at, d.tenant_position"
_OF_ONE: LiteralString = (
    _OF_EACH + " WHERE tenant_id = %s " + _BESIDE + " ORDER BY d.tenant_position LIMIT %s"
)
_COUNTED: LiteralString = """
    SELECT counted.records, counted.events, l.tenant_id, l.stream_id, l.number, l.version, l.type,
           l.tenant_position, l.reason, l.behind, l.recorded_at, l.asked
      FROM (SELECT count(DISTINCT stream_id) AS records, count(*) AS events
              FROM projections.dead_letters WHERE tenant_id = %s) counted
      LEFT JOIN (
"""
# One statement, so that what is listed and what is counted is of one moment.
_LISTED: LiteralString = _COUNTED + _OF_ONE + ") l ON true ORDER BY l.tenant_position"
_ASK: LiteralString = "SELECT projections.ask_repair(%s, %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A parked record at the first of its events that could not be applied.

    `position`: of the organization. `behind`: how many of its later events wait too. `since`: when
    that event was recorded. `asked`: what is going to be tried.
    """

    tenant: UUID
    stream: UUID
    number: int
    version: int
    type: str
    position: int
    reason: str
    behind: int
    since: datetime
    asked: Literal["retry", "skip"] | None


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """`items`: the longest parked first. `records`, `events`: how many there are in all."""

    items: list[DeadLetter]
    records: int
    events: int


async def dead_letters(pool: Pool, tenant: UUID, limit: int) -> DeadLetters:
    """Those of one organization."""
    found = await ask_one(pool, tenant, _LISTED, (tenant, tenant, limit))
    listed = [DeadLetter(*row[2:]) for row in found if row[2] is not None]
    return DeadLetters(listed, *found[0][:2])


def all_dead_letters(connection: psycopg.Connection[tuple[Any, ...]]) -> list[DeadLetter]:
    """Those of every organization, for the installation's own terminal."""
    return [DeadLetter(*row) for row in connection.execute(_ALL)]


async def ask_repair(
    pool: Pool, tenant: UUID, stream: UUID, *, version: int | None, reason: str, by: UUID
) -> int | None:
    """Ask the projector to retry a record, or to go on without its event of this version.

    The version of the first event that is parked, None when none is; where that is another one
    than `version`, nothing is asked for.
    """
    parameters = (stream, version, reason, by)
    [(first,)] = await ask_one(pool, tenant, _ASK, parameters)
    return None if first is None else int(first)
