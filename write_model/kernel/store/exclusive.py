"""The append lock taken first: read, decide and append with nobody in between.

For a command that lost every optimistic try to other processes. Without it two processes on one
hot stream shared 2,000 commands to 8 (measured).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import psycopg
from psycopg import pq

from write_model.kernel.errors import DomainError, Invalid, Unavailable
from write_model.kernel.settings import Settings
from write_model.kernel.store import append_call
from write_model.kernel.store.call import ConnectionLost, PreparedCall, StatementFailed
from write_model.kernel.store.group_commit import GroupCommit
from write_model.kernel.store.recorded_event import Append, Verdict


class LockLost(Exception):
    """The lock went with its connection and nothing was stored: what was read may be outdated."""


AppendUnderLock = Callable[[Append], Awaitable[Verdict]]

_PAUSE_S = 0.02
_UNSTORABLE = ("22", "23", "54")
_TAKE_LOCK = b"SELECT pg_advisory_xact_lock(7310579, 1)"


class ExclusiveLog:
    """One holder at a time in this process, one in the whole database."""

    def __init__(self, log: GroupCommit, settings: Settings) -> None:
        self._log, self._settings = log, settings
        self._mine = asyncio.Lock()
        self._call: PreparedCall | None = None

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[AppendUnderLock]:
        """Hold the append lock; what is given appends one command and commits it.

        Raises: Unavailable when the lock cannot be had before the command's deadline. What is given
        raises: LockLost; VersionConflict, KeyReused, SubjectErased; Invalid; Unavailable.
        """
        async with self._mine:
            try:
                await self._begin()
                yield self._append
            finally:
                await self._end()

    async def close(self) -> None:
        self._disconnect()

    async def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.command_deadline_s
        while True:
            try:
                return await self._take_lock()
            except (ConnectionLost, StatementFailed, psycopg.OperationalError) as error:
                self._disconnect()
                if loop.time() >= deadline:
                    raise Unavailable from error
            await asyncio.sleep(_PAUSE_S)

    async def _take_lock(self) -> None:
        if self._call is None:
            self._call = await self._log.connect()
        await self._call.run(b"BEGIN", timeout_s=self._timeout_s())
        await self._call.run(_TAKE_LOCK, timeout_s=self._timeout_s())

    async def _append(self, command: Append) -> Verdict:
        """The verdict, once it is committed; a lost connection is settled under the lock again."""
        try:
            verdict = _verdict(command, await self._sent(command))
            await self._required().run(b"COMMIT", timeout_s=self._timeout_s())
        except StatementFailed as error:
            if error.sqlstate[:2] in _UNSTORABLE:
                raise Invalid("The record holds a value that cannot be stored.") from error
            return await self._stored_before(command)
        except ConnectionLost:
            return await self._stored_before(command)
        return verdict

    async def _stored_before(self, command: Append) -> Verdict:
        """The verdict of a transaction whose end nobody told; it is over once the lock is free.

        What it did not store is not stored now: no version protects what was read of other records.
        """
        self._disconnect()
        await self._begin()
        try:
            result = await self._sent(command)
        except (ConnectionLost, StatementFailed) as error:
            raise Unavailable from error
        if not append_call.was_stored(result):
            raise LockLost
        return _verdict(command, result)

    async def _sent(self, command: Append) -> pq.abc.PGresult:
        return await self._required()(
            append_call.parameters([command]), timeout_s=self._timeout_s()
        )

    async def _end(self) -> None:
        """Give the lock back whatever happened; a rollback after a commit does nothing."""
        try:
            if self._call is not None:
                await self._call.run(b"ROLLBACK", timeout_s=self._timeout_s())
        except (ConnectionLost, StatementFailed):
            self._disconnect()

    def _required(self) -> PreparedCall:
        assert self._call is not None, "Append inside the block, and once."
        return self._call

    def _timeout_s(self) -> float:
        return self._settings.statement_timeout_ms / 1000 + 1

    def _disconnect(self) -> None:
        if self._call is not None:
            self._call.close()
            self._call = None


def _verdict(command: Append, result: pq.abc.PGresult) -> Verdict:
    (verdict,) = append_call.verdicts([command], result)
    if isinstance(verdict, DomainError):
        raise verdict
    return verdict
