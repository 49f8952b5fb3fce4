"""One round trip on one connection: what is sent at once, answered in order, and called off.

Speaks to libpq through psycopg's documented `pq` module: a cursor waits and wakes several times for
a question that is answered at once, which costs this process three times as much (measured).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any

import psycopg
from psycopg import AsyncConnection, pq
from psycopg.errors import InvalidSqlStatementName, error_from_result

Connection = AsyncConnection[Any]

_PREPARED = 200
"""Statements that a connection keeps ready: those that were asked last."""
_PATIENCE_S = 2.0
"""So long a connection is kept whose asker has gone."""
_SOON_S = 0.02
"""Most answers come within this, and the server makes a process for whoever calls one off."""

_names = count(1)

Prepared = dict[tuple[bytes, tuple[int, ...]], bytes]
"""(text, types of its parameters) -> the name that it was given on a connection; the one that was
asked last stands last."""


class RoundTrip:
    """What is sent at once and answered in order, on one connection."""

    def __init__(self, connection: Connection, prepared: Prepared) -> None:
        self.connection = connection
        self.is_clean = False
        """Whether everything was answered, and all that is thought to be prepared is."""
        self._pgconn, self._prepared = connection.pgconn, prepared
        self._pgconn.enter_pipeline_mode()
        self._transactions = 0
        self._preparing = 0
        """Of how many statements it is not known yet whether they are prepared, or forgotten."""
        self._found: list[pq.abc.PGresult] = []
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()

    def put(
        self,
        text: bytes,
        types: tuple[int, ...],
        values: Sequence[Any],
        formats: Sequence[pq.Format],
        answered: pq.Format,
    ) -> None:
        name = self._prepared.pop((text, types), None) or self._prepare(text, types)
        self._prepared[text, types] = name
        self._pgconn.send_query_prepared(name, values, formats, answered)

    def _prepare(self, text: bytes, types: tuple[int, ...]) -> bytes:
        self._preparing += 1
        if len(self._prepared) >= _PREPARED:
            self._forget(next(iter(self._prepared)))
        name = b"read_%d" % next(_names)
        self._pgconn.send_prepare(name, text, types)
        return name

    def _forget(self, statement: tuple[bytes, tuple[int, ...]]) -> None:
        self._preparing += 1
        self._pgconn.send_query_params(b"DEALLOCATE %b" % self._prepared.pop(statement), None)

    def end_transaction(self) -> None:
        self._pgconn.pipeline_sync()
        self._transactions += 1

    async def results(self) -> list[pq.abc.PGresult]:
        """What the statements answered, in order. Raises: psycopg.Error."""
        socket = self._pgconn.socket
        self._loop.add_reader(socket, self._guarded, self._read)
        try:
            self._guarded(partial(self._write, socket))
            await self._ended
        except asyncio.CancelledError:
            await self._rest()
            raise
        finally:
            self._loop.remove_reader(socket)
            self._loop.remove_writer(socket)
        if (refusal := self._ended_with()) is not None:
            raise refusal
        return self._found

    async def _rest(self) -> None:
        """Whoever asked has gone, but the server works on: no other may take the place meanwhile.

        Else who asks and goes away, again and again, would have it work for all of them at once. A
        connection that is lost meanwhile, or on which nothing comes, is closed as any other; that
        somebody has gone stands: at the deadline of a request somebody waits for his refusal.
        """
        calling_off = asyncio.create_task(self._call_off(), name="call-off")
        while not calling_off.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([calling_off])
        with suppress(psycopg.Error, TimeoutError, asyncio.CancelledError):
            calling_off.result()
            self._ended_with()

    async def _call_off(self) -> None:
        """Have the server end what it has not answered by itself.

        No call comes late and ends what is asked next: each is waited for until the server has
        passed it on, and one that finds nothing running has no effect (PostgreSQL's protocol,
        "Canceling Requests in Progress").
        Raises: TimeoutError; psycopg.Error.
        """
        self._ended, pause_s = self._loop.create_future(), _SOON_S
        async with asyncio.timeout(_PATIENCE_S):
            while self._transactions and not await self._has_ended_within(pause_s):
                await self.connection.cancel_safe()
                pause_s *= 2  # The call may have come between two statements, and ended neither.

    async def _has_ended_within(self, pause_s: float) -> bool:
        """Raises: psycopg.Error when the connection is lost."""
        await asyncio.wait([self._ended], timeout=pause_s)
        if self._ended.done():
            self._ended.result()
        return self._ended.done()

    def _ended_with(self) -> psycopg.Error | None:
        self._pgconn.exit_pipeline_mode()
        self.is_clean = not self._preparing
        refusal = self._refusal()
        if isinstance(refusal, InvalidSqlStatementName):
            # psycopg's own cursors have the server forget everybody's after a rollback.
            self._prepared.clear()
        return refusal

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except psycopg.OperationalError as error:
            if not self._ended.done():
                self._ended.set_exception(self._refusal() or error)

    def _write(self, socket: int) -> None:
        self._loop.remove_writer(socket)
        if self._pgconn.flush():
            self._loop.add_writer(socket, self._guarded, partial(self._write, socket))

    def _read(self) -> None:
        self._pgconn.consume_input()
        is_between = False
        while self._transactions and not self._pgconn.is_busy():
            result = self._pgconn.get_result()
            if result is not None:
                self._take(result)
            elif is_between:
                return  # Nothing follows: whatever the matter is, reading on will tell.
            is_between = result is None

    def _take(self, result: pq.abc.PGresult) -> None:
        match result.status:
            case pq.ExecStatus.PIPELINE_SYNC:
                self._transactions -= 1
                if not self._transactions and not self._ended.done():
                    self._ended.set_result(None)
            case pq.ExecStatus.COMMAND_OK:
                self._preparing -= 1
            case pq.ExecStatus.PIPELINE_ABORTED:
                pass  # Left out after another's failure, which is told.
            case _:
                self._found.append(result)

    def _refusal(self) -> psycopg.Error | None:
        for result in self._found:
            if result.status != pq.ExecStatus.TUPLES_OK:
                return error_from_result(result)
        return None
