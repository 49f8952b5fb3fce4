"""Asks the database as the app role, for one organization at a time, in one round trip."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from read_model.exchange import Answer, Exchanges, Question
from read_model.layout import NUMBER, POINTERS, Layout, Query
from write_model.kernel.asking import (
    RECONNECT_S,
    Pool,
    PromptConnection,
    Rows,
    ask_one,
    cut_after,
)

Asked = tuple[UUID, Query, Mapping[str, Any]]
"""Organization, query, parameters."""

STATEMENT_S = 5.0
_SLACK_S = 1.0
"""The server's own limit for a statement comes first, and ends all but a lost one."""

_NAME_TENANT_AND_LOOK = b"SELECT set_config('app.tenant', $1, true), (%b)" % NUMBER.encode()


OPTIONS = (
    "-c timezone=UTC"
    # Of a million incidents ten may be open and most are closed: no plan is good for both.
    " -c plan_cache_mode=force_custom_plan"
    # As in write_model/opening.py. Without scans, figures of an organization that has nearly
    # everything take a third longer (measured).
    " -c enable_seqscan=off -c jit=off"
)
"""Of every connection that questions are put on."""


@asynccontextmanager
async def open_reader(
    conninfo: str, *, size: int = 8, timeout_s: float = STATEMENT_S
) -> AsyncGenerator[Reader]:
    """Asks on `size` connections, and gives a statement up after `timeout_s`."""
    async with open_pool(conninfo, size=size, timeout_s=timeout_s) as pool:
        yield Reader(pool, timeout_s=timeout_s)


@asynccontextmanager
async def open_pool(
    conninfo: str, *, size: int = 8, timeout_s: float = STATEMENT_S
) -> AsyncGenerator[Pool]:
    """Connections for reading: in autocommit, with answers in UTC."""
    options = f"{OPTIONS} -c statement_timeout={round(timeout_s * 1000)}"
    kwargs = {"autocommit": True, "options": options}
    pool: Pool = AsyncConnectionPool(
        conninfo,
        connection_class=PromptConnection,
        min_size=1,
        max_size=size,
        kwargs=kwargs,
        open=False,
        reconnect_timeout=RECONNECT_S,
    )
    async with pool:
        yield pool


def _is_lost(error: psycopg.OperationalError) -> bool:
    """Whether the connection is gone, rather than this one question."""
    if isinstance(error, (psycopg.errors.AdminShutdown, psycopg.errors.CrashShutdown)):
        return True
    return error.sqlstate is None and not isinstance(error, PoolTimeout)


class Reader:
    """Every question names its organization; row-level security is the second wall."""

    def __init__(self, pool: Pool, *, timeout_s: float = STATEMENT_S) -> None:
        """`timeout_s`: after which the server itself ends a statement of this pool."""
        self.pool = self._pool = pool
        self._answer_s = timeout_s + _SLACK_S
        self._layout = Layout()
        self._turns = asyncio.Semaphore(pool.max_size)
        self._exchanges = Exchanges(_NAME_TENANT_AND_LOOK)

    async def rows(self, tenant: UUID, query: Query, parameters: Mapping[str, Any]) -> Rows:
        """The answer to one query; `%(tenant)s` is filled in."""
        [rows] = await self.many([(tenant, query, parameters)])
        return rows

    async def row(
        self, tenant: UUID, query: Query, parameters: Mapping[str, Any]
    ) -> tuple[Any, ...] | None:
        """Its first row, or None."""
        rows = await self.rows(tenant, query, parameters)
        return rows[0] if rows else None

    async def many(self, asked: Sequence[Asked]) -> list[Rows]:
        """The answers to several queries in order, each a transaction of its own."""
        # After a restart of the server every connection of the pool is dead, and each try finds out
        # about one; a question that is put twice does no harm. The pool's own `check` would wait
        # for a silent server, and cancelled meanwhile it loses the connections that it looks at.
        for _ in range(self._pool.max_size):
            try:
                return await self._asked(asked)
            except psycopg.errors.InvalidSqlStatementName:
                pass  # It was forgotten there, and is prepared once more.
            except psycopg.OperationalError as error:
                if not _is_lost(error):
                    raise
        return await self._asked(asked)

    async def _asked(self, asked: Sequence[Asked]) -> list[Rows]:
        """Asked again when another table was put in place, until it was asked of the right one."""
        while True:
            layout = self._layout
            questions = [
                Question(tenant, layout.placed(query), {**parameters, "tenant": tenant})
                for tenant, query, parameters in asked
            ]
            try:
                answers = await self._answers(questions)
            except psycopg.errors.UndefinedTable:
                if await self._is_same(asked[0][0], layout):
                    raise
                continue
            if all(_layout_in(answer) == layout.number for answer in answers):
                return [answer.rows for answer in answers]
            await self._is_same(asked[0][0], layout)

    async def _answers(self, questions: Sequence[Question]) -> list[Answer]:
        # Not by the pool's own context, which commits, nor waiting in its queue: that doubles the
        # price of an exchange (measured). There is nothing to commit.
        async with self._turns:
            connection = await self._pool.getconn()
            try:
                with cut_after(connection, self._answer_s):
                    return await self._exchanges.ask(connection, questions)
            finally:
                await self._pool.putconn(connection)

    async def _is_same(self, tenant: UUID, layout: Layout) -> bool:
        """Whether the pointers are still those; what they are now is known from then on."""
        [row] = await ask_one(self._pool, tenant, POINTERS, ())
        self._layout = Layout(*row)
        return self._layout.number == layout.number


def _layout_in(answer: Answer) -> int:
    return int(answer.named[1] or 0)
