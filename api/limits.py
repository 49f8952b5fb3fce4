"""How often an organization, and each who asks in its name, may ask; over all processes together.

Permits are taken from Redis in blocks and spent here, so that a request costs no call. Without
Redis each process counts alone: who has signed in is rather let in than kept out.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from read_model.cache import Cache
from read_model.shared_stock import PER_S, Stock, Taken, take
from write_model.kernel.access import Actor
from write_model.kernel.errors import RateLimited
from write_model.kernel.recent import Recent
from write_model.kernel.settings import Settings

COMMANDS, QUERIES, DEAR, STREAMS = "commands", "queries", "dear-queries", "streams"
KINDS = COMMANDS, QUERIES, DEAR, STREAMS

Sizes = Mapping[str, tuple[int, int]]
"""Kind -> how many a minute of an organization, and of one who asks."""


def sizes(settings: Settings) -> Sizes:
    s = settings
    return {
        COMMANDS: (s.commands_a_minute_of_organization, s.commands_a_minute_of_actor),
        QUERIES: (s.queries_a_minute_of_organization, s.queries_a_minute_of_actor),
        DEAR: (s.dear_queries_a_minute_of_organization, s.dear_queries_a_minute_of_actor),
        STREAMS: (s.streams_a_minute_of_organization, s.streams_a_minute_of_actor),
    }


@dataclass(slots=True)
class _Permits:
    """What this process has in hand of a stock, and what it knows of the rest."""

    stock: Stock
    name: str
    in_hand: int = 0
    left: int = 0
    empty_until_s: float = 0.0
    full_s: float = 0.0
    """When all would be there again if this process were alone."""

    def receive(self, taken: Taken, now_s: float) -> None:
        self.in_hand += taken.many
        self.left = taken.left
        self.empty_until_s = 0.0 if taken.many else now_s + taken.wait_ms / 1000

    def take_alone(self, now_s: float) -> Taken:
        every_s, full_s = self.stock.every_s, max(self.full_s, now_s)
        # So that a sum of fractions that falls short of a whole one is that one.
        left = max(0, math.floor(self.stock.size - (full_s - now_s) / every_s + 1e-6))
        many = min(self.stock.block, left)
        self.full_s = full_s + many * every_s
        wait_s = 0.0 if left else full_s - now_s - every_s * (self.stock.size - 1)
        return Taken(many, left - many, math.ceil(1000 * wait_s))

    @property
    def policy(self) -> str:
        return f'"{self.name}";q={self.stock.size};w={PER_S}'

    @property
    def state(self) -> str:
        """As of when a block was taken last: it is made anew no more often."""
        left = self.left + self.in_hand
        full_s = math.ceil((self.stock.size - left) * self.stock.every_s)
        return f'"{self.name}";r={left};t={full_s}'


@dataclass(slots=True)
class _OfOrganization:
    permits: _Permits
    taking: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Allowed:
    """What one who asks may still do; `headers` tell it to him."""

    kind: str
    organization: _OfOrganization
    own: _Permits
    headers: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])

    def spend(self) -> bool:
        """False when there is none in hand."""
        shared, own = self.organization.permits, self.own
        if shared.in_hand < 1 or own.in_hand < 1:
            return False
        shared.in_hand -= 1
        own.in_hand -= 1
        return True

    def wait_s(self, now_s: float) -> int:
        """Whole seconds for which nothing is to be had; 0 when something may be."""
        both = (self.organization.permits, self.own)
        until_s = max((each.empty_until_s for each in both if not each.in_hand), default=0.0)
        return max(0, math.ceil(until_s - now_s))

    def tell(self) -> None:
        """In the form of draft-ietf-httpapi-ratelimit-headers-10."""
        both = (self.organization.permits, self.own)
        self.headers = [
            (b"ratelimit-policy", ", ".join(each.policy for each in both).encode()),
            (b"ratelimit", ", ".join(each.state for each in both).encode()),
        ]


class Limits:
    """Remembers what is in hand for those who asked last."""

    def __init__(
        self,
        of: Sizes,
        cache: Cache | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        remembered: int = 20_000,
    ) -> None:
        self._of, self._cache, self._clock = of, cache, clock
        self._set = dict[tuple[str, int], tuple[int, int]]()
        """Of single organizations, where it is not as of all others."""
        # By integers: a UUID's own hash is Python code, and stands in every request's way.
        self._allowed: Recent[tuple[str, int, int], Allowed] = Recent(remembered)
        self._organizations: Recent[tuple[str, int], _OfOrganization] = Recent(remembered)

    def set(self, tenant: UUID, kind: str, sizes: tuple[int, int] | None) -> None:
        """From now on so many of this organization, and of each in it; None: as of all others."""
        place = kind, tenant.int
        if self._set.get(place) == sizes:
            return
        if sizes is None:
            del self._set[place]
        else:
            self._set[place] = sizes
        self._organizations.forget(place)
        for key in [key for key in self._allowed if key[:2] == place]:
            self._allowed.forget(key)

    async def spend(self, kind: str, actor: Actor) -> Allowed:
        """Use one permit of his and one of his organization's.

        Raises: RateLimited.
        """
        key = (kind, actor.tenant.int, actor.id.int)
        allowed = self._allowed.get(key) or self._new(key)
        if not allowed.spend():
            await self._spend_of_new(allowed)
        return allowed

    def told(self, kind: str, actor: Actor) -> list[tuple[bytes, bytes]]:
        """The headers for who was refused."""
        allowed = self._allowed.get((kind, actor.tenant.int, actor.id.int))
        return allowed.headers if allowed is not None else []

    async def _spend_of_new(self, allowed: Allowed) -> None:
        # One after the other: else a hundred who come at once would take a block each.
        async with allowed.organization.taking:
            while not allowed.spend():
                if not (wait_s := allowed.wait_s(self._clock())):
                    await self._take(allowed)
                    continue
                raise RateLimited(wait_s, allowed.kind.replace("-", " "))

    async def _take(self, allowed: Allowed) -> None:
        both = (allowed.organization.permits, allowed.own)
        empty = [each for each in both if each.in_hand < 1]
        taken = await self._taken(empty)
        now_s = self._clock()
        for index, permits in enumerate(empty):
            permits.receive(taken[index] if taken else permits.take_alone(now_s), now_s)
        allowed.tell()

    async def _taken(self, empty: list[_Permits]) -> list[Taken] | None:
        if self._cache is None:
            return None
        found = await take(self._cache, [each.stock for each in empty])
        return None if found is None else list(found)

    def _new(self, key: tuple[str, int, int]) -> Allowed:
        kind, tenant, subject = key
        place = f"allowed:{kind}:{UUID(int=tenant)}:{UUID(int=subject)}".encode()
        own = _Permits(Stock(place, self._sizes(kind, tenant)[1]), f"{kind}-actor")
        allowed = Allowed(kind, self._organization(kind, tenant), own)
        self._allowed.remember(key, allowed)
        return allowed

    def _sizes(self, kind: str, tenant: int) -> tuple[int, int]:
        return self._set.get((kind, tenant)) or self._of[kind]

    def _organization(self, kind: str, tenant: int) -> _OfOrganization:
        found = self._organizations.get((kind, tenant))
        if found is None:
            place = f"allowed:{kind}:{UUID(int=tenant)}".encode()
            stock = Stock(place, self._sizes(kind, tenant)[0])
            found = _OfOrganization(_Permits(stock, f"{kind}-organization"))
            self._organizations.remember((kind, tenant), found)
        return found
