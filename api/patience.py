"""Cuts connections that keep this process waiting: for a request's rest, or to take an answer.

Without it a byte now and then holds a connection for ever. All are looked at once a second; a timer
for each request would cost every one of them a microsecond.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from api.heads import BoundedHeads
from write_model.kernel.settings import Settings


class _Awaited(NamedTuple):
    """The same `what`, and as much `left`, is still the same wait."""

    what: object
    left: int
    limit_s: float

    def goes_on(self, before: _Awaited) -> bool:
        return self.what is before.what and self.left == before.left


@dataclass(slots=True)
class Patience:
    """`idle_s`: how long a connection may be kept without a request."""

    connections: Iterable[object]
    settings: Settings
    idle_s: float
    clock: Callable[[], float] = time.monotonic
    _waiting: dict[BoundedHeads, tuple[_Awaited, float]] = field(
        default_factory=dict[BoundedHeads, tuple[_Awaited, float]]
    )

    def look(self) -> None:
        """To be called every second or so: that is how exact it is."""
        now_s, before = self.clock(), self._waiting
        self._waiting = {}
        for connection in tuple(self.connections):
            if isinstance(connection, BoundedHeads) and (awaited := self._awaited(connection)):
                self._wait(connection, awaited, now_s, before.get(connection))

    def _wait(
        self,
        connection: BoundedHeads,
        awaited: _Awaited,
        now_s: float,
        before: tuple[_Awaited, float] | None,
    ) -> None:
        is_same = before is not None and awaited.goes_on(before[0])
        since_s = before[1] if before is not None and is_same else now_s
        if now_s - since_s >= awaited.limit_s:
            connection.transport.abort()
        else:
            self._waiting[connection] = awaited, since_s

    def _awaited(self, connection: BoundedHeads) -> _Awaited | None:
        """What the client is waited for; None while he waits for us."""
        settings = self.settings
        if unread := connection.transport.get_write_buffer_size():
            return _Awaited(connection, unread, settings.unread_s)
        if connection.is_in_head:
            return _Awaited(connection.scope, 0, settings.head_s)
        cycle = cast("RequestResponseCycle | None", connection.cycle)
        if cycle is None or cycle.response_complete:
            # The library's own timer is not set before the first request, nor again when more of a
            # body came after its answer.
            has_timer = connection.timeout_keep_alive_task is not None
            return None if has_timer else _Awaited(cycle or connection, 0, self.idle_s)
        is_to_come = cycle.more_body and not connection.flow.read_paused
        return _Awaited(cycle, 0, settings.body_s) if is_to_come else None
