"""What is written down of accesses and credentials: who was refused, shown or signed in what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import sql

from read_model.queries.cursor import Cursors, Place, Question
from read_model.reader import Reader

_PAGE = sql.SQL("""
    SELECT at, entry_id, actor_id, what, permission, target, outcome FROM access.access_log
     WHERE tenant_id = %(tenant)s AND (at, entry_id) < (%(at)s::timestamptz, %(entry)s::bigint)
       AND (%(actor)s::uuid IS NULL OR actor_id = %(actor)s)
       AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
     ORDER BY at DESC, entry_id DESC LIMIT %(limit)s
""")
_ROUTE = "/v1/access-log"
_FIRST = Place(0, "infinity", "0")


@dataclass(frozen=True, slots=True)
class Entry:
    at: datetime
    id: int
    actor: UUID
    what: str
    permission: str
    target: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Asked:
    """`actor`, `outcome`: only those; None for any."""

    tenant: UUID
    actor: UUID | None = None
    outcome: str | None = None


class Accesses:
    def __init__(self, reader: Reader, cursors: Cursors) -> None:
        self._reader, self._cursors = reader, cursors

    async def page(
        self, asked: Asked, *, limit: int, cursor: str | None
    ) -> tuple[list[Entry], str | None]:
        """The newest first, and the cursor of the next page; None when there is none.

        Raises: Invalid for a cursor of another question.
        """
        question = Question(asked.tenant, _ROUTE, f"{asked.actor} {asked.outcome}", 1)
        after = _FIRST if cursor is None else self._cursors.open(question, cursor)
        parameters = {
            "at": after.value,
            "entry": int(after.key),
            "actor": asked.actor,
            "outcome": asked.outcome,
            "limit": limit + 1,
        }
        rows = await self._reader.rows(asked.tenant, _PAGE, parameters)
        found = [Entry(*row) for row in rows[:limit]]
        if len(rows) <= limit:
            return found, None
        last = found[-1]
        return found, self._cursors.seal(question, Place(0, last.at.isoformat(), str(last.id)))
