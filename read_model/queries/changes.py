"""The organization's feed of everything that has happened, by position and without gaps.

Each item is a CloudEvents 1.0 envelope around the change as history shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg import sql

from read_model import tables
from read_model.reader import Reader

_TIME = sql.SQL("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'""")
_FEED = sql.SQL(
    "WITH page AS MATERIALIZED ("
    " SELECT tenant_position, stream_id, version, type, schema_version, actor_id, recorded_at,"
    " occurred_at, item FROM {table}"
    " WHERE tenant_id = %(tenant)s AND tenant_position > %(after)s {filters}"
    " ORDER BY tenant_position LIMIT %(limit)s)"
    " SELECT convert_to('[' || coalesce(string_agg(concat("
    """ '{{"specversion":"1.0","id":"', stream_id, '/', version,"""
    """ '","source":"/v1/organizations/', %(tenant)s::uuid, '","type":"', type,"""
    """ '","subject":"', stream_id, '","time":"', to_char(recorded_at, {time}),"""
    """ '","datacontenttype":"application/json","position":', tenant_position,"""
    """ ',"version":', version, ',"tenant":"', %(tenant)s::uuid, '","actor":"', actor_id,"""
    """ '","occurred_at":"', to_char(occurred_at, {time}),"""
    """ '","schema_version":', schema_version, ',"data":', item, '}}'),"""
    " ',' ORDER BY tenant_position), '') || ']', 'UTF8'), count(*), max(tenant_position),"
    " (SELECT coalesce(max(tenant_position), 0) FROM {table} WHERE tenant_id = %(tenant)s),"
    " (SELECT epoch FROM projections.checkpoint WHERE name = 'all') FROM page"
)
_ANY_TYPE = sql.SQL("AND type = ANY(%(types)s)")
# By its first event: the index by record leads through all of another's events too.
_ONE_SUBJECT = sql.SQL(
    "AND stream_id = (SELECT originator_id FROM {} WHERE tenant_id = %(tenant)s"
    " AND originator_id = %(subject)s AND originator_version = 1)"
).format(tables.EVENTS)


@dataclass(frozen=True, slots=True)
class Feed:
    """`items`: a JSON array. `through`: ask after it next; nothing up to it was left out.

    `epoch`: the log's when it was read; it says later on whether `through` is still on the branch.
    """

    items: bytes
    count: int
    through: int
    epoch: int


class Changes:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def after(
        self,
        tenant: UUID,
        position: int,
        *,
        limit: int = 500,
        types: Sequence[str] = (),
        subject: UUID | None = None,
    ) -> Feed:
        """Events past the organization's `position`, in order; () and None do not filter."""
        parameters = {"after": position, "limit": limit, "types": list(types), "subject": subject}
        [row] = await self._reader.rows(tenant, _feed(bool(types), subject is not None), parameters)
        items, count, last, applied, epoch = row
        through = last if count == limit else max(applied, position)
        return Feed(items, count, through, epoch)


def _feed(by_type: bool, by_subject: bool) -> sql.Composed:
    filters = sql.SQL(" ").join([*[_ANY_TYPE] * by_type, *[_ONE_SUBJECT] * by_subject])
    return _FEED.format(table=tables.CHANGES, time=_TIME, filters=filters)
