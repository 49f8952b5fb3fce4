"""Ends requests that take too long.

All have the same time, so that who began first is over first: one timer looks at those, where
`asyncio.timeout` sets and unsets one for each request (3 % of a command, measured).
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

_LOOK_EVERY_S = 0.1
"""So much later than due one may be ended."""


class Deadlines:
    """`with deadlines.kept():` around what may take `after_s`; past it TimeoutError is raised."""

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._loop = asyncio.get_running_loop()
        self._under_way: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def kept(self) -> Deadline:
        return Deadline(self)

    def begin(self, deadline: Deadline) -> float:
        """When it is over, on the loop's clock."""
        self._under_way[deadline] = None
        if self._timer is None:
            self._timer = self._loop.call_later(_LOOK_EVERY_S, self._look)
        return self._loop.time() + self._after_s

    def end(self, deadline: Deadline) -> None:
        self._under_way.pop(deadline, None)

    def _look(self) -> None:
        now = self._loop.time()
        for deadline in tuple(self._under_way):
            if deadline.over_at > now:
                break
            del self._under_way[deadline]
            deadline.cancel()
        self._timer = self._loop.call_later(_LOOK_EVERY_S, self._look) if self._under_way else None


class Deadline:
    """That of one task; who else cancels it is obeyed."""

    __slots__ = ("_cancelled_before", "_deadlines", "_is_over", "_task", "over_at")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines, self._is_over = deadlines, False

    def __enter__(self) -> None:
        task: asyncio.Task[Any] | None = asyncio.current_task()
        assert task is not None
        self._task, self._cancelled_before = task, task.cancelling()
        self.over_at = self._deadlines.begin(self)

    def cancel(self) -> None:
        self._is_over = True
        self._task.cancel()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._is_over:
            self._deadlines.end(self)
        elif self._task.uncancel() <= self._cancelled_before and kind is asyncio.CancelledError:
            raise TimeoutError from error
