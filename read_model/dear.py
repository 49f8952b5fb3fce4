"""Answers that are dear to compute, kept as long as nothing has changed of what they show.

One is kept only when the same was shown before *and* after it was computed. So it is the answer to
the same question for whoever finds the same shown, and nobody else finds it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID

from pydantic_core import from_json, to_json

from read_model.cache import Cache
from read_model.queries.standing import Standings
from write_model.kernel.clock import Clock
from write_model.kernel.recent import Recent

Compute = Callable[[UUID, Mapping[str, str]], Awaitable[bytes]]
"""(organization, parameters) -> the answer, the same for everyone who may ask for it."""


class Computation(NamedTuple):
    """`lasts_s`: how old an answer may be that depends on the time as well; else None."""

    compute: Compute
    lasts_s: int | None = None


_NOTED_AGAIN_S = 60.0
_REMEMBERED = 5_000


@dataclass(frozen=True, slots=True)
class DearQuestion:
    """`name`: how it is computed. `parameters`: all that the answer depends on, sorted."""

    name: str
    parameters: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, name: str, parameters: Mapping[str, str]) -> DearQuestion:
        return cls(name, tuple(sorted(parameters.items())))

    @classmethod
    def read(cls, text: bytes) -> DearQuestion:
        name, parameters = from_json(text)
        return cls(name, tuple((key, value) for key, value in parameters))

    def text(self) -> bytes:
        return to_json([self.name, self.parameters])


TenantQuestion = tuple[UUID, DearQuestion]


@dataclass(slots=True)
class _Computing:
    """An answer that is on its way, and how many wait for it."""

    task: asyncio.Task[bytes]
    waiting: int = 0


class DearAnswers:
    """`computations`: by name; whoever warms answers needs nothing else to compute them again.

    `from_s`: what takes less time is computed each time.
    """

    def __init__(
        self,
        standings: Standings,
        cache: Cache,
        computations: Mapping[str, Computation],
        clock: Clock,
        *,
        from_s: float,
    ) -> None:
        self._from_s = from_s
        self._standings, self._cache, self._computations = standings, cache, computations
        self._clock = clock
        self._took_s: Recent[TenantQuestion, float] = Recent(_REMEMBERED)
        self._noted_s: Recent[TenantQuestion, float] = Recent(_REMEMBERED)
        self._computing: dict[bytes, _Computing] = {}

    async def dear(self, tenant: UUID, question: DearQuestion) -> bytes:
        """The answer as it is now. Raises: whatever computing it does."""
        asked = tenant, question
        if self._is_cheap(asked):
            return await self._computed(asked)
        standing = await self._standings.of(tenant)
        place = self._place(asked, standing)
        kept = await self._cache.get(place)
        await self._note(asked)
        return kept if kept is not None else await self._once(place, asked, standing)

    async def warm(
        self, tenant: UUID, question: DearQuestion, standing: str | None = None
    ) -> str | None:
        """Have the answer ready for whoever asks next. Raises: whatever computing it does.

        `standing`: what was shown a moment ago, for who knows. It comes back for the next question;
        None where computing took so long that it is worth asking again.
        """
        asked = tenant, question
        if question.name not in self._computations or self._is_cheap(asked):
            return standing
        standing = standing or await self._standings.of(tenant)
        place = self._place(asked, standing)
        if not await self._cache.lacks(place):
            return standing
        await self._once(place, asked, standing)
        return None

    def _is_cheap(self, asked: TenantQuestion) -> bool:
        took_s = self._took_s.get(asked)
        return took_s is not None and took_s < self._from_s

    async def _note(self, asked: TenantQuestion) -> None:
        now_s = time.monotonic()
        noted_s = self._noted_s.get(asked)
        if noted_s is None or now_s - noted_s > _NOTED_AGAIN_S:
            self._noted_s.remember(asked, now_s)
            tenant, question = asked
            await self._cache.note(tenant, question.text())

    async def _once(self, place: bytes, asked: TenantQuestion, standing: str) -> bytes:
        """Whoever asks for it meanwhile waits for the same; it is begun after his question was."""
        computing = self._computing.get(place)
        if computing is None:
            task = asyncio.create_task(self._kept(place, asked, standing), name="dear-answer")
            computing = self._computing[place] = _Computing(task)
        computing.waiting += 1
        try:
            # Shielded: a client who goes away must not cancel what others wait for.
            return await asyncio.shield(computing.task)
        finally:
            computing.waiting -= 1
            if not computing.waiting:
                computing.task.cancel()
                del self._computing[place]

    async def _kept(self, place: bytes, asked: TenantQuestion, standing: str) -> bytes:
        answer = await self._computed(asked)
        if not self._is_cheap(asked) and await self._standings.of(asked[0]) == standing:
            await self._cache.put(place, answer)
        return answer

    async def _computed(self, asked: TenantQuestion) -> bytes:
        tenant, question = asked
        began_s = time.perf_counter()
        answer = await self._computations[question.name].compute(tenant, dict(question.parameters))
        self._took_s.remember(asked, time.perf_counter() - began_s)
        return answer

    def _place(self, asked: TenantQuestion, standing: str) -> bytes:
        tenant, question = asked
        lasts_s = self._computations[question.name].lasts_s
        since = self._clock().timestamp() // lasts_s if lasts_s else None
        whole = to_json([tenant, standing, since, question.name, question.parameters])
        return blake2b(whole, digest_size=24).digest()
