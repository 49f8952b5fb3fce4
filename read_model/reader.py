"""Asks the database as the app role, for one organization at a time, in one round trip."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from read_model.layout import NUMBER, POINTERS, Layout
from write_model.kernel.asking import NAME_TENANT, Pool, Question, Rows, ask, ask_both

Query = sql.SQL | sql.Composed

_NAME_TENANT_AND_LOOK = NAME_TENANT + ", (" + NUMBER + ")"


@asynccontextmanager
async def open_pool(conninfo: str, *, size: int = 8) -> AsyncGenerator[Pool]:
    """Connections for reading: in autocommit, with answers in UTC."""
    # Of a million incidents ten may be open and most are closed: no plan is good for both.
    options = "-c timezone=UTC -c statement_timeout=5s -c plan_cache_mode=force_custom_plan"
    kwargs = {"autocommit": True, "options": options}
    pool: Pool = AsyncConnectionPool(conninfo, min_size=1, max_size=size, kwargs=kwargs, open=False)
    async with pool:
        yield pool


def _is_lost(error: psycopg.OperationalError) -> bool:
    """Whether the connection is gone, rather than this one question."""
    if isinstance(error, (psycopg.errors.AdminShutdown, psycopg.errors.CrashShutdown)):
        return True
    return error.sqlstate is None and not isinstance(error, PoolTimeout)


class Reader:
    """Every question names its organization; row-level security is the second wall."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._layout = Layout()

    async def rows(self, tenant: UUID, query: Query, parameters: Mapping[str, Any]) -> Rows:
        """The answer to one query; `%(tenant)s` is filled in."""
        # After a restart of the server every connection of the pool is dead, and each try finds out
        # about one; a question that is put twice does no harm.
        for _ in range(self._pool.max_size):
            try:
                return await self._asked(tenant, query, parameters)
            except psycopg.OperationalError as error:
                if not _is_lost(error):
                    raise
                await self._pool.check()
        return await self._asked(tenant, query, parameters)

    async def _asked(self, tenant: UUID, query: Query, parameters: Mapping[str, Any]) -> Rows:
        """Asked again when another table was put in place, until it was asked of the right one."""
        while True:
            layout = self._layout
            question = Question(
                tenant,
                layout.placed(query),
                {**parameters, "tenant": tenant},
                first=_NAME_TENANT_AND_LOOK,
            )
            try:
                [(look, rows)] = await ask_both(self._pool, [question])
            except psycopg.errors.UndefinedTable:
                if await self._is_same(tenant, layout):
                    raise
                continue
            if look[0][1] == layout.number:
                return rows
            await self._is_same(tenant, layout)

    async def _is_same(self, tenant: UUID, layout: Layout) -> bool:
        """Whether the pointers are still those; what they are now is known from then on."""
        [[row]] = await ask(self._pool, [Question(tenant, POINTERS, {})])
        self._layout = Layout(*row)
        return self._layout.number == layout.number

    async def row(
        self, tenant: UUID, query: Query, parameters: Mapping[str, Any]
    ) -> tuple[Any, ...] | None:
        """Its first row, or None."""
        rows = await self.rows(tenant, query, parameters)
        return rows[0] if rows else None
