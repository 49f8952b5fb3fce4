"""Group commit: the commands that arrive while one commit runs share the next.

There is no timer: an idle log commits a command at once, and a busy one fills its batches by
itself. Ambiguity is settled by sending the same rows again until a verdict arrives; a look-up
would not do, because a backend that was paused may still commit after it.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence

import psycopg
import structlog

from write_model.kernel.errors import DomainError, Invalid, Unavailable
from write_model.kernel.settings import Settings
from write_model.kernel.store import append_call
from write_model.kernel.store.call import ConnectionLost, PreparedCall, StatementFailed
from write_model.kernel.store.queue import FairQueue, Waiting
from write_model.kernel.store.recorded_event import Append, Verdict

log = structlog.get_logger(__name__)

# 54: a key that no index row can hold; it must not fail those who share its batch.
_BISECTED = ("22", "23", "54")
_NOT_PACKED = "22000"
_RETRIED = ("08", "40", "53", "55", "57")
_READ_ONLY = "25006"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.01, 0.5

# One plan for all batches, by index: no statistics are needed to see that its end is near. As
# settings of the function these three cost a tenth of a single append (measured).
_PLANNING = " -c plan_cache_mode=force_generic_plan -c enable_bitmapscan=off -c enable_seqscan=off"


class GroupCommit:
    """Appends commands from any number of callers of one event loop through one connection."""

    def __init__(self, conninfo: str, settings: Settings) -> None:
        self._conninfo, self._settings = conninfo, settings
        self._queue = FairQueue(rows_per_tenant=settings.append_queue_rows_per_tenant)
        self._wake = asyncio.Event()
        self._call: PreparedCall | None = None
        self._flusher = asyncio.create_task(self._supervise(), name="group-commit")
        self._loop = asyncio.get_running_loop()

    async def append(self, command: Append) -> Verdict:
        """What became of the command.

        Raises: VersionConflict, KeyReused, SubjectErased; Invalid for a value that Postgres
        refuses; Overloaded; Unavailable when the deadline passed without a verdict.
        """
        if self._flusher.done():
            raise Unavailable
        deadline = self._loop.time() + self._settings.command_deadline_s
        waiting = Waiting(command, self._loop.create_future(), deadline)
        self._queue.put(waiting)
        self._wake.set()
        return await waiting.verdict

    async def close(self) -> None:
        """Stop; whoever still waits is told that the log is unavailable."""
        self._flusher.cancel()
        await asyncio.gather(self._flusher, return_exceptions=True)
        self._disconnect()
        while self._queue:
            self._refuse(self._queue.take(rows=1_000, size=1 << 30), Unavailable())

    async def _supervise(self) -> None:
        while True:
            try:
                await self._flush()
            except Exception:
                log.exception("the flusher failed and starts again")
                self._disconnect()
                self._wake.set()

    async def _flush(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                batch = self._queue.take(
                    rows=self._settings.append_batch_rows, size=self._settings.append_batch_bytes
                )
                await self._settle_or_refuse(batch)

    async def _settle_or_refuse(self, batch: list[Waiting]) -> None:
        """No caller is left waiting, whatever happens here."""
        try:
            await self._settle(batch)
        finally:
            self._refuse(batch, Unavailable())

    async def _settle(self, batch: list[Waiting]) -> None:
        """Send the batch until every command has its verdict or has run out of time."""
        pause_s = _FIRST_PAUSE_S
        while batch := self._still_awaited(batch):
            try:
                verdicts = await self._send([waiting.command for waiting in batch])
            except StatementFailed as error:
                if error.sqlstate[:2] in _BISECTED:
                    await self._bisect(batch, error)
                    return
                self._must_pass(error)
            except (ConnectionLost, psycopg.OperationalError):
                self._disconnect()
            else:
                self._answer(batch, verdicts)
                return
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _must_pass(self, error: StatementFailed) -> None:
        """Raise what will not pass by waiting; after a failover another server is asked."""
        if error.sqlstate == _READ_ONLY:
            self._disconnect()
        elif error.sqlstate[:2] not in _RETRIED:
            raise error

    def _still_awaited(self, batch: list[Waiting]) -> list[Waiting]:
        now = self._loop.time()
        self._refuse([w for w in batch if w.deadline <= now], Unavailable())
        return [waiting for waiting in batch if not waiting.verdict.done()]

    async def _bisect(self, batch: list[Waiting], error: StatementFailed) -> None:
        """A bad value fails its own command only; the others are sent without it."""
        if len(batch) == 1:
            # What the server says names its constraints; the caller needs the fact alone.
            log.warning("a_command_cannot_be_stored", sqlstate=error.sqlstate)
            self._refuse(batch, Invalid("The record holds a value that cannot be stored."))
            return
        middle = len(batch) // 2
        await self._settle(batch[:middle])
        await self._settle(batch[middle:])

    async def _send(self, batch: Sequence[Append]) -> list[Verdict | DomainError]:
        parameters = _packed(batch)
        if self._call is None:
            self._call = await self.connect()
        result = await self._call(
            parameters, timeout_s=self._settings.statement_timeout_ms / 1000 + 1
        )
        return append_call.verdicts(batch, result)

    async def connect(self) -> PreparedCall:
        """A connection of its own that runs the append call."""
        options = (
            f"-c statement_timeout={self._settings.statement_timeout_ms}"
            f" -c lock_timeout={self._settings.lock_timeout_ms}"
            " -c idle_in_transaction_session_timeout=10000"
            " -c application_name=tallystick-append" + _PLANNING
        )
        return await PreparedCall.open(
            self._conninfo, append_call.STATEMENT, append_call.TYPES, options=options
        )

    def _disconnect(self) -> None:
        if self._call is not None:
            self._call.close()
            self._call = None

    def _answer(self, batch: list[Waiting], verdicts: list[Verdict | DomainError]) -> None:
        for waiting, verdict in zip(batch, verdicts, strict=True):
            if waiting.verdict.done():
                continue
            if isinstance(verdict, DomainError):
                waiting.verdict.set_exception(verdict)
            else:
                waiting.verdict.set_result(verdict)

    def _refuse(self, batch: list[Waiting], error: DomainError) -> None:
        for waiting in batch:
            if not waiting.verdict.done():
                waiting.verdict.set_exception(error)


def _packed(batch: Sequence[Append]) -> list[bytes]:
    """Raises: StatementFailed, as the server would for a value that has no binary form."""
    try:
        return append_call.parameters(batch)
    except (UnicodeEncodeError, struct.error) as error:
        raise StatementFailed(_NOT_PACKED, str(error)) from error
