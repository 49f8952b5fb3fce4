"""Records that were set aside with their later events: what is shown of them is old.

The first two ride on queries that are asked anyway: with nothing parked, as always but in trouble,
they cost 5 µs there, where a count among the columns cost 25 (measured).
"""

from __future__ import annotations

from psycopg import sql

from read_model import tables

IS_PARKED = sql.SQL(
    "EXISTS (SELECT FROM {} WHERE tenant_id = %(tenant)s AND stream_id = id)"
).format(tables.DEAD_LETTERS)
"""Whether the record is whose `id` stands in the row."""

ANY_PARKED = sql.SQL("EXISTS (SELECT FROM {} WHERE tenant_id = %(tenant)s)").format(
    tables.DEAD_LETTERS
)
"""Whether any of the organization's records is, of whatever kind."""

PARKED_OF_KIND = sql.SQL(
    "SELECT count(DISTINCT stream_id) FROM {} WHERE tenant_id = %(tenant)s"
    " AND split_part(type, '.', 1) = %(kind)s AND tenant_position <= %(position)s"
).format(tables.DEAD_LETTERS)
