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
_OF_TEAMS = sql.SQL(
    "AND tenant_position <= %(until)s AND stream_id IN"
    " (SELECT id FROM {} WHERE tenant_id = %(tenant)s AND team = ANY(%(teams)s))"
).format(tables.INCIDENT_LIST)

_LOOKED_THROUGH = 5_000
"""Of a busy organization's events a team's may be few: so many are looked at for one page."""


@dataclass(frozen=True, slots=True)
class Feed:
    """`items`: a JSON array. `through`: ask after it next; nothing up to it was left out.

    `more`: there may be more behind it already. `epoch`: the log's when it was read; it says later
    on whether `through` is still on the branch.
    """

    items: bytes
    count: int
    through: int
    more: bool
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
        teams: frozenset[str] | None = None,
    ) -> Feed:
        """Events past the organization's `position`, in order; () and None do not filter.

        `teams`: only of incidents that are of these teams by now.
        """
        parameters = {
            "after": position,
            "limit": limit,
            "types": list(types),
            "subject": subject,
            "teams": sorted(teams or ()),
            "until": position + _LOOKED_THROUGH,
        }
        query = _feed(bool(types), subject is not None, teams is not None)
        [row] = await self._reader.rows(tenant, query, parameters)
        items, count, last, applied, epoch = row
        seen = applied if teams is None else min(applied, position + _LOOKED_THROUGH)
        through = last if count == limit else max(seen, position)
        return Feed(items, count, through, more=count == limit or seen < applied, epoch=epoch)


def _feed(by_type: bool, by_subject: bool, of_teams: bool) -> sql.Composed:
    filters = [_ANY_TYPE] * by_type + [_ONE_SUBJECT] * by_subject + [_OF_TEAMS] * of_teams
    return _FEED.format(table=tables.CHANGES, time=_TIME, filters=sql.SQL(" ").join(filters))
