"""Questions that arrive while others are being answered, answered together after those."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

_AT_MOST = 200


class Together(Generic[Q, A]):
    """`answers` gives an answer to each of some questions, in their order, at one go.

    One caller alone waits for nobody; what fails, fails for all who were asked for with it.
    """

    def __init__(self, answers: Callable[[Sequence[Q]], Awaitable[Sequence[A]]]) -> None:
        self._answers = answers
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """Raises: what `answers` raises."""
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(), name="ask-together")
        return await answer

    async def _ask(self) -> None:
        while self._waiting:
            group = self._waiting[:_AT_MOST]
            del self._waiting[: len(group)]
            try:
                found = await self._answers([question for question, _ in group])
            except Exception as error:  # noqa: BLE001  handed to those who wait for it
                for _, answer in group:
                    if not answer.done():
                        answer.set_exception(error)
            else:
                for (_, answer), each in zip(group, found, strict=True):
                    if not answer.done():
                        answer.set_result(each)
