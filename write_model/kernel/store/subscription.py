"""Follows the log by asking: there is no wake-up, so none can be lost.

The library's subscription pulls before it listens and waits without a bound, so that an event
committed in between is seen only after the next one (ANCHORS, traps).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from threading import Event

from eventsourcing.persistence import ApplicationRecorder, Notification, Subscription

_AT_ONCE = 500
_BUSY_PAUSE_S, _IDLE_PAUSE_S = 0.005, 0.25


class LogSubscription(Subscription[ApplicationRecorder]):
    """Yields every event once, in order; at the end of the log it waits for the next."""

    def __init__(
        self, recorder: ApplicationRecorder, gt: int | None = None, topics: Sequence[str] = ()
    ) -> None:
        super().__init__(recorder, gt, topics)
        self._page: deque[Notification] = deque()
        self._stopped = Event()

    def stop(self) -> None:
        """End the iteration, also one that waits."""
        super().stop()
        self._stopped.set()

    def __next__(self) -> Notification:
        pause_s = _BUSY_PAUSE_S
        while not self._stopped.is_set():
            if self._page or self._pull():
                return self._page.popleft()
            self._stopped.wait(pause_s)
            pause_s = min(pause_s * 2, _IDLE_PAUSE_S)
        raise StopIteration

    def _pull(self) -> bool:
        self._page.extend(
            self._recorder.select_notifications(
                self._last_notification_id,
                _AT_ONCE,
                topics=self._topics,
                inclusive_of_start=False,
            )
        )
        if self._page:
            self._last_notification_id = self._page[-1].id
        return bool(self._page)
