"""What has happened to one record, in the order in which it was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from psycopg import sql

from read_model import tables
from read_model.queries.cursor import Cursors, Place, Question, must_be_of
from read_model.reader import Reader

_HISTORY = sql.SQL(
    "WITH page AS MATERIALIZED ("
    " SELECT item, version FROM {} WHERE tenant_id = %(tenant)s AND stream_id = %(stream)s"
    " AND version > %(after)s ORDER BY version LIMIT %(limit)s)"
    " SELECT convert_to('[' || coalesce(string_agg(item, ',' ORDER BY version), '') || ']',"
    " 'UTF8'), count(*), max(version)::text,"
    " (SELECT epoch FROM projections.checkpoint WHERE name = 'all') FROM page"
).format(tables.CHANGES)


@dataclass(frozen=True, slots=True)
class Happened:
    """`items`: a JSON array. `next_cursor`: None when there was no full page."""

    items: bytes
    next_cursor: str | None


class Histories:
    def __init__(self, reader: Reader, cursors: Cursors) -> None:
        self._reader, self._cursors = reader, cursors

    async def of(
        self, tenant: UUID, stream: UUID, *, limit: int = 500, cursor: str | None = None
    ) -> Happened:
        """Raises: Invalid for a cursor of another question; LogRestored for one of another log."""
        question = Question(tenant, "history", str(stream), 1)
        place = self._cursors.open(question, cursor) if cursor else None
        parameters = {"stream": stream, "limit": limit, "after": int(place.value) if place else 0}
        [row] = await self._reader.rows(tenant, _HISTORY, parameters)
        items, count, last, epoch = row
        must_be_of(epoch, place)
        ended = Place(epoch, last, "")
        return Happened(items, self._cursors.seal(question, ended) if count == limit else None)
