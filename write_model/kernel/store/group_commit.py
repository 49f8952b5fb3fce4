"""Group commit: the commands that arrive while one commit runs share the next.

There is no timer: an idle log commits a command at once, and a busy one fills its batches by
itself. Ambiguity is settled by sending the same rows again until a verdict arrives; a look-up
would not do, because a backend that was paused may still commit after it.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psycopg
import structlog

from write_model.kernel.errors import DomainError, Invalid, Unavailable
from write_model.kernel.measuring import Distribution
from write_model.kernel.settings import Settings
from write_model.kernel.store import append_call
from write_model.kernel.store.call import ConnectionLost, PreparedCall, StatementFailed
from write_model.kernel.store.queue import Batch, FairQueue, Waiting
from write_model.kernel.store.recorded_event import Append, Verdict

log = structlog.get_logger(__name__)

# 54: a key that no index row can hold; it must not fail those who share its batch.
_BISECTED = ("22", "23", "54")
_NOT_PACKED = "22000"
_RETRIED = ("08", "40", "53", "55", "57")
_READ_ONLY = "25006"
_TAKEN = "23505"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.01, 0.5

COMMANDS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
WAITS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)

_SLOW_COMMIT_S = 0.004
"""With a sync of 3 ms two halves carry three quarters of what one whole batch does (measured)."""
_WORTH_OVERLAPPING = 20
"""Commands: smaller batches cost more in commits than the overlap gains (measured)."""
_CAREFUL_S = 1.0
"""A batch in vain for each lane and second is what repeated keys can cost the others."""

# One plan for all batches, by index: no statistics are needed to see that its end is near. As
# settings of the function these three cost a tenth of a single append (measured).
_PLANNING = " -c plan_cache_mode=force_generic_plan -c enable_bitmapscan=off -c enable_seqscan=off"


class GroupCommit:
    """Appends commands from any number of callers of one event loop.

    Two connections take turns at the server: while it works on one batch, the answers of the batch
    before are given out here and the next is packed.
    """

    def __init__(self, conninfo: str, settings: Settings) -> None:
        self._conninfo, self._settings = conninfo, settings
        self._deadline_s = settings.command_deadline_s
        self._queue = FairQueue(rows_per_tenant=settings.append_queue_rows_per_tenant)
        self._is_one_about_to_send = False
        self._in_flight = 0
        self._round_trip_s = 0.0
        self._careful_until = 0.0
        self.counts = Counts()
        self.on_commit: Callable[[], None] = _nobody_asks
        """Called once a batch has been committed."""
        self._loop = asyncio.get_running_loop()
        self._lanes = [_Lane(), _Lane()]
        self._flushers = [
            asyncio.create_task(self._supervise(lane), name="group-commit") for lane in self._lanes
        ]

    async def append(self, command: Append) -> Verdict:
        """What became of the command.

        Raises: VersionConflict, KeyReused, SubjectErased; Invalid for a value that Postgres
        refuses; Overloaded; Unavailable when the deadline passed without a verdict.
        """
        return await self.queued(command)

    def queued(self, command: Append) -> asyncio.Future[Verdict]:
        """What `append` awaits, for a caller in whose way another coroutine would stand.

        Raises: Overloaded, Unavailable; the others when awaited.
        """
        if self._flushers[0].done():
            raise Unavailable
        deadline = self._loop.time() + self._deadline_s
        waiting = Waiting(command, self._loop.create_future(), deadline)
        self._queue.put(waiting)
        self._wake_one()
        return waiting.verdict

    async def close(self) -> None:
        """Stop; whoever still waits is told that the log is unavailable."""
        for flusher in self._flushers:
            flusher.cancel()
        await asyncio.gather(*self._flushers, return_exceptions=True)
        for lane in self._lanes:
            lane.disconnect()
        while self._queue:
            batch = self._queue.take(commands=1_000, rows=1_000, size=1 << 30)
            self._refuse(batch.waiting, Unavailable())
            self._queue.settled(batch)

    async def _supervise(self, lane: _Lane) -> None:
        while True:
            try:
                await self._flush(lane)
            except Exception:
                log.exception("the flusher failed and starts again")
                lane.disconnect()

    async def _flush(self, lane: _Lane) -> None:
        while True:
            await lane.woken()
            self._is_one_about_to_send = False
            while batch := self._next_batch():
                await self._settle_or_refuse(lane, batch)

    def _next_batch(self) -> Batch | None:
        """None when it is better to wait, or when all clash with what is on its way."""
        if not (commands := self._worth_sending()):
            return None
        batch = self._queue.take(
            commands=commands,
            rows=self._settings.append_batch_rows,
            size=self._settings.append_batch_bytes,
        )
        # The server finds a tenant's last position once for all its rows that stand together.
        batch.waiting.sort(key=Waiting.tenant)
        return batch if batch.waiting else None

    def _wake_one(self) -> None:
        """Let an idle lane look, unless one is about to: a lone caller pays for one only."""
        if self._is_one_about_to_send:
            return
        for lane in self._lanes:
            if lane.is_idle:
                self._is_one_about_to_send = bool(self._worth_sending())
                if self._is_one_about_to_send:
                    lane.wake()
                return

    def _worth_sending(self) -> int:
        """How many of the waiting commands to send now: all, or half so that two can overlap.

        A second batch pays for its own commit only when it is about as large as the first, and
        never where a commit is slow: there the largest batch wins.
        """
        waiting = len(self._queue)
        if self._round_trip_s > _SLOW_COMMIT_S:
            return 0 if self._in_flight else waiting
        if not self._in_flight:
            return waiting if waiting < 2 * _WORTH_OVERLAPPING else (waiting + 1) // 2
        return waiting if waiting >= max(_WORTH_OVERLAPPING, self._in_flight // 2) else 0

    async def _settle_or_refuse(self, lane: _Lane, batch: Batch) -> None:
        """No caller is left waiting, whatever happens here."""
        self._in_flight += len(batch.waiting)
        self.counts.sent(batch.waiting, waited_s=self._waited_s(batch))
        self._wake_one()  # The other lane may take what is left.
        try:
            await self._settle(lane, batch.waiting)
        finally:
            self._in_flight -= len(batch.waiting)
            self._queue.settled(batch)
            self._wake_one()
            self._refuse(batch.waiting, Unavailable())

    def _waited_s(self, batch: Batch) -> float:
        """How long the first of them has waited for its turn."""
        first = min(waiting.deadline for waiting in batch.waiting) - self._deadline_s
        return self._loop.time() - first

    async def _settle(self, lane: _Lane, batch: list[Waiting]) -> None:
        """Send the batch until every command has its verdict or has run out of time.

        New streams and keys are seldom taken, so that the indexes alone are asked at first, a sixth
        of the server's work less (measured); when they refuse a batch, it is looked through.
        """
        pause_s = _FIRST_PAUSE_S
        while batch := self._still_awaited(batch):
            is_careful = self._loop.time() < self._careful_until
            try:
                verdicts = await self._send(lane, [w.command for w in batch], is_careful)
            except StatementFailed as error:
                if error.sqlstate == _TAKEN and not is_careful:
                    self._careful_until = self._loop.time() + _CAREFUL_S
                    continue
                if error.sqlstate[:2] in _BISECTED:
                    await self._bisect(lane, batch, error)
                    return
                _must_pass(lane, error)
            except (ConnectionLost, psycopg.OperationalError):
                lane.disconnect()
            else:
                self._answer(batch, verdicts)
                self.on_commit()
                return
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _still_awaited(self, batch: list[Waiting]) -> list[Waiting]:
        now = self._loop.time()
        self._refuse([w for w in batch if w.deadline <= now], Unavailable())
        return [waiting for waiting in batch if not waiting.verdict.done()]

    async def _bisect(self, lane: _Lane, batch: list[Waiting], error: StatementFailed) -> None:
        """A bad value fails its own command only; the others are sent without it."""
        if len(batch) == 1:
            # What the server says names its constraints; the caller needs the fact alone.
            log.warning("a_command_cannot_be_stored", sqlstate=error.sqlstate)
            self._refuse(batch, Invalid("The record holds a value that cannot be stored."))
            return
        middle = len(batch) // 2
        await self._settle(lane, batch[:middle])
        await self._settle(lane, batch[middle:])

    async def _send(
        self, lane: _Lane, batch: Sequence[Append], is_careful: bool
    ) -> list[Verdict | DomainError]:
        parameters = _packed(batch, is_careful)
        if lane.call is None:
            lane.call = await self.connect()
        sent_at = self._loop.time()
        result = await lane.call(
            parameters, timeout_s=self._settings.statement_timeout_ms / 1000 + 1
        )
        took_s = self._loop.time() - sent_at
        self.counts.commits_s.add(took_s)
        self._round_trip_s += (took_s - self._round_trip_s) / 8
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


def _nobody_asks() -> None:
    """Whoever wants to know puts another in its place."""


@dataclass(slots=True)
class Counts:
    """What was sent since the process began: how well commands share commits, and what they wait.

    `waits_s`: of a batch's first command. `commits_s`: of a batch, there and back.
    """

    batches: int = 0
    commands: int = 0
    sizes: Distribution = field(default_factory=lambda: Distribution(COMMANDS))
    waits_s: Distribution = field(default_factory=lambda: Distribution(WAITS_S))
    commits_s: Distribution = field(default_factory=lambda: Distribution(WAITS_S))

    def sent(self, batch: Sequence[Waiting], *, waited_s: float) -> None:
        self.batches += 1
        self.commands += len(batch)
        self.sizes.add(len(batch))
        self.waits_s.add(waited_s)


@dataclass(slots=True, eq=False)
class _Lane:
    """One of the two ways to the server."""

    call: PreparedCall | None = None
    is_idle: bool = True
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def woken(self) -> None:
        self.is_idle = not self._wake.is_set()
        await self._wake.wait()
        self._wake.clear()

    def wake(self) -> None:
        self.is_idle = False
        self._wake.set()

    def disconnect(self) -> None:
        if self.call is not None:
            self.call.close()
            self.call = None


def _must_pass(lane: _Lane, error: StatementFailed) -> None:
    """Raise what will not pass by waiting; after a failover another server is asked."""
    if error.sqlstate == _READ_ONLY:
        lane.disconnect()
    elif error.sqlstate[:2] not in _RETRIED:
        raise error


def _packed(batch: Sequence[Append], is_careful: bool) -> list[bytes]:
    """Raises: StatementFailed, as the server would for a value that has no binary form."""
    try:
        return append_call.parameters(batch, is_careful=is_careful)
    except (UnicodeEncodeError, struct.error) as error:
        raise StatementFailed(_NOT_PACKED, str(error)) from error
