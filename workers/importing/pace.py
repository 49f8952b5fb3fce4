"""How many requests may be under way at once: fewer when the server says that it is busy."""

from __future__ import annotations

import asyncio
from collections import deque


class Pace:
    """Halves when the server refuses for lack of room and grows back by one per limit answered.

    That is additive increase and multiplicative decrease (Chiu and Jain, 1989).
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(most)
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._halved_at = float("-inf")

    @property
    def limit(self) -> int:
        return int(self._limit)

    async def turn(self) -> None:
        """Wait until one more request may go; each turn ends with `over`."""
        while self._under_way >= self.limit:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        self._under_way += 1

    def over(self, *, busy: bool = False) -> None:
        """The request was answered; `busy`: with a refusal for lack of room."""
        self._under_way -= 1
        if busy:
            self._halve()
        else:
            self._limit = min(self._most, self._limit + 1 / self._limit)
        for _ in range(self.limit - self._under_way):
            self._wake()

    def _halve(self) -> None:
        # One overload refuses all that is under way; it counts once.
        now = asyncio.get_running_loop().time()
        if now - self._halved_at > 0.1:
            self._limit, self._halved_at = max(1.0, self._limit / 2), now

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
