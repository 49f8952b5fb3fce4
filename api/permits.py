"""What a process has in hand of what somebody may still ask, and how it tells him."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field

from read_model.shared_stock import PER_S, Stock, Taken


@dataclass(slots=True)
class Permits:
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
class OfOrganization:
    permits: Permits
    taking: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Allowed:
    """What one who asks may still do; `headers` tell it to him."""

    kind: str
    organization: OfOrganization
    own: Permits
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
