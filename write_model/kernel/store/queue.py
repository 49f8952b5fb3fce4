"""What waits to be committed: fair between tenants, bounded for each, one stream once in flight."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from write_model.kernel.errors import Overloaded
from write_model.kernel.store.recorded_event import Append, Verdict


@dataclass(slots=True, eq=False)
class Waiting:
    """A command with the future that its caller awaits; `deadline` is of the loop's clock."""

    command: Append
    verdict: asyncio.Future[Verdict]
    deadline: float

    def claims(self) -> list[int]:
        """What no other command may touch that is on its way at the same time.

        As numbers, which are compared without Python code; if two things should ever share one,
        the second merely waits for the next batch.
        """
        command = self.command
        claims = [hash(row.originator_id) for row in command.rows]
        if command.key:
            claims.append(hash((self.tenant(), command.rows[0].actor.int, command.key.key)))
        if command.cause:
            claims.append(hash((self.tenant(), command.cause)))
        return claims

    def tenant(self) -> int:
        """As a number: a UUID hashes itself in Python, a quarter of the queue's cost."""
        return self.command.rows[0].tenant.int


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Commands that go to the server together, and what they claim until they are settled."""

    waiting: list[Waiting]
    claims: list[int]


@dataclass(slots=True, eq=False)
class _Line:
    """What one tenant has waiting."""

    tenant: int
    waiting: deque[Waiting] = field(default_factory=deque[Waiting])
    rows: int = 0


class FairQueue:
    """Tenants take turns, command by command, so that one tenant's import starves nobody."""

    def __init__(self, *, rows_per_tenant: int) -> None:
        self._rows_per_tenant = rows_per_tenant
        self._lines: dict[int, _Line] = {}
        self._turns: deque[_Line] = deque()
        self._length = 0
        self._claimed: set[int] = set()

    def __len__(self) -> int:
        """How many commands wait."""
        return self._length

    def put(self, waiting: Waiting) -> None:
        """Raises: Overloaded when the tenant has too many rows waiting."""
        tenant = waiting.tenant()
        line = self._lines.get(tenant)
        rows = len(waiting.command.rows)
        if (line.rows if line else 0) + rows > self._rows_per_tenant:
            raise Overloaded
        line = line or self._opened(tenant)
        line.rows += rows
        line.waiting.append(waiting)
        self._length += 1

    def _opened(self, tenant: int) -> _Line:
        line = self._lines[tenant] = _Line(tenant)
        self._turns.append(line)
        return line

    def take(self, *, commands: int, rows: int, size: int) -> Batch:
        """The next batch, within bounds that its last command may pass.

        Commands that clash with it, or with one that is not `settled`, wait for another: it is
        empty when all do.
        """
        batch = Batch([], [])
        held: list[Waiting] = []
        claimed = set(self._claimed)
        while self._lines and commands > len(batch.waiting) and rows > 0 and size > 0:
            waiting = self._next()
            claims = waiting.claims()
            clashes = not claimed.isdisjoint(claims)
            claimed.update(claims)  # also of those held, so that nobody overtakes them
            if clashes:
                held.append(waiting)
                continue
            batch.waiting.append(waiting)
            batch.claims.extend(claims)
            rows -= len(waiting.command.rows)
            size -= waiting.command.size()
        self._put_back(held)
        self._claimed.update(batch.claims)
        return batch

    def settled(self, batch: Batch) -> None:
        """What the batch claimed is free again."""
        self._claimed.difference_update(batch.claims)

    def _next(self) -> Waiting:
        line = self._turns[0]
        waiting = line.waiting.popleft()
        line.rows -= len(waiting.command.rows)
        self._length -= 1
        if line.waiting:
            self._turns.rotate(-1)
        else:
            self._turns.popleft()
            del self._lines[line.tenant]
        return waiting

    def _put_back(self, held: list[Waiting]) -> None:
        for waiting in reversed(held):
            tenant = waiting.tenant()
            line = self._lines.get(tenant) or self._opened(tenant)
            line.waiting.appendleft(waiting)
            line.rows += len(waiting.command.rows)
            self._length += 1
