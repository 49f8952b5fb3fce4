"""What waits to be committed: fair between tenants, bounded for each, one stream once a batch."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from write_model.kernel.errors import Overloaded
from write_model.kernel.store.recorded_event import Append, Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A command with the future that its caller awaits; `deadline` is of the loop's clock."""

    command: Append
    verdict: asyncio.Future[Verdict]
    deadline: float

    def claims(self) -> Iterator[Hashable]:
        """What no other command of the same batch may touch."""
        for row in self.command.rows:
            yield row.originator_id
        if self.command.key:
            yield self.tenant(), self.command.rows[0].actor.int, self.command.key.key
        if self.command.cause:
            yield self.tenant(), self.command.cause

    def tenant(self) -> int:
        """As a number: a UUID hashes itself in Python, a quarter of the queue's cost."""
        return self.command.rows[0].tenant.int


@dataclass(slots=True, eq=False)
class _Line:
    """What one tenant has waiting."""

    waiting: deque[Waiting]
    rows: int = 0


class FairQueue:
    """Tenants take turns, command by command, so that one tenant's import starves nobody."""

    def __init__(self, *, rows_per_tenant: int) -> None:
        self._rows_per_tenant = rows_per_tenant
        self._lines: OrderedDict[int, _Line] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._lines)

    def put(self, waiting: Waiting) -> None:
        """Raises: Overloaded when the tenant has too many rows waiting."""
        tenant = waiting.tenant()
        line = self._lines.get(tenant) or _Line(deque())
        rows = line.rows + len(waiting.command.rows)
        if rows > self._rows_per_tenant:
            raise Overloaded
        line.rows = rows
        line.waiting.append(waiting)
        self._lines[tenant] = line

    def take(self, *, rows: int, size: int) -> list[Waiting]:
        """The next batch, at least one command; those that clash with it wait for the next."""
        batch: list[Waiting] = []
        held: list[Waiting] = []
        claimed: set[Hashable] = set()
        while self._lines and rows > 0 and size > 0:
            waiting = self._next()
            claims = set(waiting.claims())
            clashes = not claimed.isdisjoint(claims)
            claimed |= claims  # also of those held, so that nobody overtakes them
            if clashes:
                held.append(waiting)
                continue
            batch.append(waiting)
            rows -= len(waiting.command.rows)
            size -= waiting.command.size()
        self._put_back(held)
        return batch

    def _next(self) -> Waiting:
        tenant, line = self._lines.popitem(last=False)
        waiting = line.waiting.popleft()
        line.rows -= len(waiting.command.rows)
        if line.waiting:
            self._lines[tenant] = line
        return waiting

    def _put_back(self, held: list[Waiting]) -> None:
        for waiting in reversed(held):
            line = self._lines.setdefault(waiting.tenant(), _Line(deque()))
            line.waiting.appendleft(waiting)
            line.rows += len(waiting.command.rows)
