"""What waits to be committed: fair between tenants, bounded for each, one stream once a batch."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from uuid import UUID

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
            yield self.command.rows[0].tenant, self.command.rows[0].actor, self.command.key.key
        if self.command.cause:
            yield self.command.rows[0].tenant, self.command.cause


class FairQueue:
    """Tenants take turns, command by command, so that one tenant's import starves nobody."""

    def __init__(self, *, rows_per_tenant: int) -> None:
        self._rows_per_tenant = rows_per_tenant
        self._waiting: OrderedDict[UUID, deque[Waiting]] = OrderedDict()
        self._rows: dict[UUID, int] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, waiting: Waiting) -> None:
        """Raises: Overloaded when the tenant has too many rows waiting."""
        tenant = waiting.command.rows[0].tenant
        rows = self._rows.get(tenant, 0) + len(waiting.command.rows)
        if rows > self._rows_per_tenant:
            raise Overloaded
        self._rows[tenant] = rows
        self._waiting.setdefault(tenant, deque()).append(waiting)

    def take(self, *, rows: int, size: int) -> list[Waiting]:
        """The next batch, at least one command; those that clash with it wait for the next."""
        batch: list[Waiting] = []
        held: list[Waiting] = []
        claimed: set[Hashable] = set()
        while self._waiting and rows > 0 and size > 0:
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
        tenant, queue = self._waiting.popitem(last=False)
        waiting = queue.popleft()
        if queue:
            self._waiting[tenant] = queue
        self._count(tenant, -len(waiting.command.rows))
        return waiting

    def _put_back(self, held: list[Waiting]) -> None:
        for waiting in reversed(held):
            tenant = waiting.command.rows[0].tenant
            self._waiting.setdefault(tenant, deque()).appendleft(waiting)
            self._count(tenant, len(waiting.command.rows))

    def _count(self, tenant: UUID, rows: int) -> None:
        self._rows[tenant] = self._rows.get(tenant, 0) + rows
        if not self._rows[tenant]:
            del self._rows[tenant]
