"""How often an organization, and each who asks in its name, may ask; over all processes together.

Permits are taken from Redis in blocks and spent here, so that a request costs no call. Without
Redis each process counts alone: who has signed in is rather let in than kept out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from uuid import UUID

from api.permits import Allowed, OfOrganization, Permits
from read_model.cache import Cache
from read_model.shared_stock import Stock, Taken, take
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
        self._organizations: Recent[tuple[str, int], OfOrganization] = Recent(remembered)

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

    async def _taken(self, empty: list[Permits]) -> list[Taken] | None:
        if self._cache is None:
            return None
        found = await take(self._cache, [each.stock for each in empty])
        return None if found is None else list(found)

    def _new(self, key: tuple[str, int, int]) -> Allowed:
        kind, tenant, subject = key
        place = f"allowed:{kind}:{UUID(int=tenant)}:{UUID(int=subject)}".encode()
        own = Permits(Stock(place, self._sizes(kind, tenant)[1]), f"{kind}-actor")
        allowed = Allowed(kind, self._organization(kind, tenant), own)
        self._allowed.remember(key, allowed)
        return allowed

    def _sizes(self, kind: str, tenant: int) -> tuple[int, int]:
        return self._set.get((kind, tenant)) or self._of[kind]

    def _organization(self, kind: str, tenant: int) -> OfOrganization:
        found = self._organizations.get((kind, tenant))
        if found is None:
            place = f"allowed:{kind}:{UUID(int=tenant)}".encode()
            stock = Stock(place, self._sizes(kind, tenant)[0])
            found = OfOrganization(Permits(stock, f"{kind}-organization"))
            self._organizations.remember((kind, tenant), found)
        return found
