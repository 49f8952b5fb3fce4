"""Lets organizations take turns at the process, so that nobody waits behind another's whole queue.

An event loop answers in the order of arrival: behind an import with 32 commands in flight everybody
else's command would wait for all 32, once to be decided and once to be answered.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from write_model.kernel.errors import Overloaded

_NOBODY = -1


@dataclass(slots=True)
class _Lane:
    """One organization's commands: how many are worked on, and who waits."""

    held: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque[asyncio.Future[None]])


class Turns:
    """`alone` at once while only one organization asks, `shared` of each while several do.

    Wide enough alone that commands share commits; narrow enough together that a command waits for
    a few of another's, whatever that one has in flight.
    """

    def __init__(
        self,
        *,
        alone: int = 256,
        shared: int = 4,
        at_most: int = 512,
        remembered_s: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`at_most`: of one organization, waiting and worked on; past that it is Overloaded."""
        self._alone, self._shared, self._at_most = alone, shared, at_most
        self._remembered_s, self._clock = remembered_s, clock
        self._lanes: dict[int, _Lane] = {}
        self._latest, self._latest_s = _NOBODY, float("-inf")
        self._other_s = float("-inf")

    async def begin(self, tenant: UUID) -> int:
        """Wait for a turn; what comes back ends it. Raises: Overloaded."""
        name = tenant.int  # A UUID's own hash is Python code.
        lane = self._lanes.get(name) or self._lanes.setdefault(name, _Lane())
        self._note(name)
        if lane.held + len(lane.waiting) >= self._at_most:
            raise Overloaded
        await self._enter(name, lane)
        return name

    def end(self, name: int) -> None:
        """Hand the turn on."""
        self._leave(name, self._lanes[name])

    def _note(self, tenant: int) -> None:
        now = self._clock()
        if tenant != self._latest:
            self._latest, self._other_s = tenant, self._latest_s
        self._latest_s = now

    def _width(self) -> int:
        is_shared = self._clock() - self._other_s < self._remembered_s
        return self._shared if is_shared else self._alone

    async def _enter(self, tenant: int, lane: _Lane) -> None:
        if lane.held < self._width() and not lane.waiting:
            lane.held += 1
            return
        turn = asyncio.get_running_loop().create_future()
        lane.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # It was given the turn just before it went away.
                self._leave(tenant, lane)
            elif turn in lane.waiting:  # Else it counts as one who waits, until a turn ends.
                lane.waiting.remove(turn)
            raise

    def _leave(self, tenant: int, lane: _Lane) -> None:
        lane.held -= 1
        width = self._width()
        while lane.waiting and lane.held < width:
            turn = lane.waiting.popleft()
            if not turn.done():
                lane.held += 1
                turn.set_result(None)
        if not lane.held:
            del self._lanes[tenant]
