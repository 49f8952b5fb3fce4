"""What is shown of an organization, as one word: while it is the same, so is every answer.

It holds the log's epoch, the layout's number, the organization's last position that is applied, and
its parked events, which a retry brings in without moving any position.
"""

from __future__ import annotations

import asyncio
from uuid import UUID

from psycopg import sql

from read_model import tables
from read_model.reader import Reader

_STANDING = (
    sql.SQL(
        "SELECT concat_ws('.', epoch, layout,"
        " (SELECT coalesce(max(tenant_position), 0) FROM {} WHERE tenant_id = %(tenant)s),"
        " (SELECT coalesce(sum(position), 0) FROM {} WHERE tenant_id = %(tenant)s))"
        " FROM projections.checkpoint WHERE name = 'all'"
    )
    .format(tables.CHANGES, tables.DEAD_LETTERS)
    .as_bytes()
)


class Standings:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._about_to_ask: dict[UUID, asyncio.Task[str]] = {}

    async def of(self, tenant: UUID) -> str:
        """As it is now or later; all who ask in one turn of the loop ask together."""
        asking = self._about_to_ask.get(tenant)
        if asking is None:
            asking = asyncio.create_task(self._asked(tenant), name="read-standing")
            self._about_to_ask[tenant] = asking
        return await asyncio.shield(asking)

    async def _asked(self, tenant: UUID) -> str:
        await asyncio.sleep(0)
        # Whoever comes from here on may have seen more than this question will.
        del self._about_to_ask[tenant]
        [(standing,)] = await self._reader.rows(tenant, _STANDING, {})
        return str(standing)
