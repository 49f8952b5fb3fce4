"""Asks the database for one organization at a time, and waits for no answer forever.

The functions and tables that the app role reads answer only for the organization that a
transaction names. Naming it and asking is one round trip.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, sql
from psycopg_pool import AsyncConnectionPool

Pool = AsyncConnectionPool[AsyncConnection[Any]]

RECONNECT_S = 2.0
"""So long a pool tries by itself, at longer and longer pauses; then whoever asks begins anew. Tried
for as long as the server is away, it would pause as long again once it is back.
"""
Rows = list[tuple[Any, ...]]
Cursor = psycopg.AsyncCursor[tuple[Any, ...]]

ANSWER_S = 6.0
"""A second more than the server's own limit for a statement, which ends all but a lost one."""

NAME_TENANT: LiteralString = "SELECT set_config('app.tenant', %s, true)"


_CALLED_OFF_S = 1.0


class PromptConnection(AsyncConnection[Any]):
    """Lets go whoever no longer waits for an answer, also where the server is silent.

    psycopg waits five seconds for the server to call the question off, and five for its answer to
    that: at the deadline of a request somebody waits for his refusal.
    """

    # Its name and its parameter are psycopg's own, which calls it; a test holds that it still does.
    async def _try_cancel(self, *, timeout: float = _CALLED_OFF_S) -> None:  # noqa: ASYNC109
        try:
            await self.cancel_safe(timeout=min(timeout, _CALLED_OFF_S))
        except psycopg.Error:
            _cut(self)


@dataclass(frozen=True, slots=True)
class Question:
    tenant: UUID
    query: LiteralString | sql.SQL | sql.Composed | bytes
    parameters: Sequence[Any] | Mapping[str, Any]


async def ask(
    pool: Pool,
    questions: Sequence[Question],
    *,
    timeout_s: float = ANSWER_S,
    connect_s: float | None = None,
) -> list[Rows]:
    """The answers in order, after one round trip.

    The pool's connections are in autocommit.

    `connect_s`: how long to wait for a free connection; None: as long as the pool says.
    Raises: psycopg.OperationalError, also after `timeout_s` without an answer.
    """
    async with pool.connection(timeout=connect_s) as connection:
        with cut_after(connection, timeout_s):
            # What a pipeline holds is one implicit transaction: the setting ends with it.
            async with connection.pipeline():
                cursors = [await _asked(connection, question) for question in questions]
                return [await cursor.fetchall() for cursor in cursors]


async def ask_one(
    pool: Pool,
    tenant: UUID,
    query: LiteralString,
    parameters: Sequence[Any],
) -> Rows:
    """The answer to one question; see `ask`."""
    (rows,) = await ask(pool, [Question(tenant, query, parameters)])
    return rows


async def ask_naming(
    pool: Pool, query: LiteralString, asked: Sequence[Sequence[Any]]
) -> list[Rows]:
    """The answers to a question that names its organization itself, one for each of `asked`.

    Alone, and without a pipeline, it takes half of what `ask_one` does (measured).
    """
    async with pool.connection() as connection:
        with cut_after(connection, ANSWER_S):
            if len(asked) == 1:
                cursor = connection.cursor(binary=True)
                return [await (await cursor.execute(query, asked[0])).fetchall()]
            async with connection.pipeline():
                cursors = [connection.cursor(binary=True) for _ in asked]
                for cursor, parameters in zip(cursors, asked, strict=True):
                    await cursor.execute(query, parameters)
                return [await cursor.fetchall() for cursor in cursors]


async def _asked(connection: AsyncConnection[Any], question: Question) -> Cursor:
    await connection.execute(NAME_TENANT, (str(question.tenant),))
    cursor = connection.cursor(binary=True)
    return await cursor.execute(question.query, question.parameters)


@contextmanager
def cut_after(connection: AsyncConnection[Any], timeout_s: float) -> Generator[None]:
    """Whoever waits inside the block for an answer longer than this fails."""
    timer = asyncio.get_running_loop().call_later(timeout_s, _cut, connection)
    try:
        yield
    finally:
        timer.cancel()


def _cut(connection: AsyncConnection[Any]) -> None:
    """Whoever waits for its answer fails at once, and the pool drops it.

    A cancellation would not do: psycopg then waits for the server once more.
    """
    with (
        suppress(OSError, psycopg.OperationalError),
        socket.socket(fileno=os.dup(connection.fileno())) as line,
    ):
        line.shutdown(socket.SHUT_RDWR)
