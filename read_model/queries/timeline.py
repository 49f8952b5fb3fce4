"""One incident's timeline: as it happened, or as it was recorded."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from psycopg import sql

from read_model import tables
from read_model.queries.cursor import Cursors, Place, Question, must_be_of
from read_model.queries.history import Happened
from read_model.reader import Reader

Order = Literal["occurred_at", "recorded_at"]

_START = "-infinity"

_AS_IT_HAPPENED = sql.SQL(
    "WITH places AS MATERIALIZED ("
    " SELECT occurred_at, version, tenant_position FROM {}"
    " WHERE tenant_id = %(tenant)s AND stream_id = %(stream)s"
    " AND (occurred_at, version) > (%(at)s::timestamptz, %(version)s::bigint)"
    " ORDER BY occurred_at, version LIMIT %(limit)s),"
    " page AS MATERIALIZED ("
    " SELECT item, places.occurred_at AS at, places.version FROM places JOIN {} AS happened"
    " ON happened.tenant_id = %(tenant)s AND happened.tenant_position = places.tenant_position)"
).format(tables.INCIDENT_TIMELINE, tables.CHANGES)

# Versions are recorded in their order, so one index serves it and the next page too.
_AS_RECORDED = sql.SQL(
    "WITH page AS MATERIALIZED ("
    " SELECT item, recorded_at AS at, version FROM {}"
    " WHERE tenant_id = %(tenant)s AND stream_id = %(stream)s"
    " AND version > %(version)s::bigint ORDER BY version LIMIT %(limit)s)"
).format(tables.CHANGES)

_ANSWER = sql.SQL(
    " SELECT convert_to('[' || coalesce(string_agg(item, ',' ORDER BY at, version), '') || ']',"
    " 'UTF8'), count(*), (array_agg(at::text ORDER BY at DESC, version DESC))[1],"
    " (array_agg(version::text ORDER BY at DESC, version DESC))[1],"
    " (SELECT epoch FROM projections.checkpoint WHERE name = 'all') FROM page"
)
_QUERIES = {"occurred_at": _AS_IT_HAPPENED + _ANSWER, "recorded_at": _AS_RECORDED + _ANSWER}


class Timelines:
    def __init__(self, reader: Reader, cursors: Cursors) -> None:
        self._reader, self._cursors = reader, cursors

    async def of(
        self,
        tenant: UUID,
        stream: UUID,
        *,
        by: Order = "occurred_at",
        limit: int = 500,
        cursor: str | None = None,
    ) -> Happened:
        """Earliest first. Raises: Invalid and LogRestored, as every page with a cursor."""
        question = Question(tenant, f"timeline/{by}", str(stream), 1)
        place = self._cursors.open(question, cursor) if cursor else None
        after = {"at": place.value, "version": place.key} if place else {"at": _START, "version": 0}
        parameters = {"stream": stream, "limit": limit, **after}
        [row] = await self._reader.rows(tenant, _QUERIES[by], parameters)
        items, count, at, version, epoch = row
        must_be_of(epoch, place)
        ended = Place(epoch, at, version)
        return Happened(items, self._cursors.seal(question, ended) if count == limit else None)
