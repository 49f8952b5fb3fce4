"""One connection that runs one prepared statement again and again, awaited without a thread.

Speaks to libpq through psycopg's documented `pq` module: the reader stays registered with the
event loop, so that a call costs one write and one wake-up (measured in docs/decisions against
`AsyncConnection.execute`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import psycopg
from psycopg import pq

_DONE = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)


class ConnectionLost(Exception):
    """The connection broke or went silent: what was sent may or may not have been done."""


class StatementFailed(Exception):
    """The server refused the statement; `sqlstate` says why."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class PreparedCall:
    """`statement` with numbered parameters, all binary, as one row or none."""

    def __init__(
        self, connection: psycopg.AsyncConnection, statement: bytes, types: Sequence[int]
    ) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._statement, self._types = statement, types
        self._formats = [pq.Format.BINARY] * len(types)
        self._loop = asyncio.get_running_loop()
        self._socket = self._pgconn.socket
        self._answer: asyncio.Future[pq.abc.PGresult] | None = None
        self._kept: pq.abc.PGresult | None = None
        self._writing = False

    @classmethod
    async def open(
        cls, conninfo: str, statement: bytes, types: Sequence[int], *, options: str
    ) -> PreparedCall:
        """Raises: psycopg.OperationalError when the server cannot be reached; ConnectionLost;
        StatementFailed.
        """
        connection = await psycopg.AsyncConnection.connect(
            conninfo, autocommit=True, options=options, connect_timeout=5
        )
        call = cls(connection, statement, types)
        try:
            await call._prepare()
        except BaseException:
            call.close()
            raise
        return call

    async def _prepare(self) -> None:
        self._pgconn.nonblocking = 1
        self._loop.add_reader(self._socket, self._guarded, self._read)
        self._pgconn.send_prepare(b"call", self._statement, self._types)
        await self._result(timeout_s=5)

    async def __call__(self, params: Sequence[bytes], *, timeout_s: float) -> pq.abc.PGresult:
        """The result of one execution.

        Raises: ConnectionLost (also after `timeout_s`), StatementFailed.
        """
        send = partial(
            self._pgconn.send_query_prepared, b"call", params, self._formats, pq.Format.BINARY
        )
        return await self._sent(send, timeout_s=timeout_s)

    async def run(self, command: bytes, *, timeout_s: float) -> pq.abc.PGresult:
        """Run another statement without parameters on the same connection; raises the same."""
        return await self._sent(partial(self._pgconn.send_query, command), timeout_s=timeout_s)

    async def _sent(self, send: Callable[[], None], *, timeout_s: float) -> pq.abc.PGresult:
        try:
            send()
        except psycopg.OperationalError as error:
            self.close()
            raise ConnectionLost(str(error)) from error
        return await self._result(timeout_s=timeout_s)

    async def _result(self, *, timeout_s: float) -> pq.abc.PGresult:
        self._answer = self._loop.create_future()
        timer = self._loop.call_later(timeout_s, self._fail, "no answer in time")
        self._guarded(self._write)
        try:
            result = await self._answer
        finally:
            timer.cancel()
        return checked(result)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except psycopg.OperationalError as error:
            self._fail(str(error))

    def _write(self) -> None:
        pending = bool(self._pgconn.flush())
        if pending and not self._writing:
            self._loop.add_writer(self._socket, self._guarded, self._write)
        elif self._writing and not pending:
            self._loop.remove_writer(self._socket)
        self._writing = pending

    def _read(self) -> None:
        self._pgconn.consume_input()
        while self._answer is not None and not self._pgconn.is_busy():
            if not self._take(self._pgconn.get_result()):
                break

    def _take(self, result: pq.abc.PGresult | None) -> bool:
        """Keep the first result; a None ends the statement and wakes the caller."""
        if result is not None:
            self._kept = result
            return True
        answer, self._answer = self._answer, None
        kept, self._kept = self._kept, None
        if answer is not None and kept is not None and not answer.done():
            answer.set_result(kept)
        return False

    def _fail(self, reason: str) -> None:
        self._close()
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(ConnectionLost(reason))

    def _close(self) -> None:
        if self._socket >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket = -1
        self._pgconn.finish()

    def close(self) -> None:
        """Close the connection; a call under way fails with ConnectionLost."""
        self._fail("closed")


def checked(result: pq.abc.PGresult) -> pq.abc.PGresult:
    """The result of a statement that went well. Raises: StatementFailed."""
    if result.status in _DONE:
        return result
    sqlstate = result.error_field(pq.DiagnosticField.SQLSTATE) or b"08006"
    message = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"connection lost"
    raise StatementFailed(sqlstate.decode(), message.decode(errors="replace"))
