"""What all processes take from together: stocks in Redis that fill up again with time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from read_model.cache import Cache

PER_S = 60
"""A stock that was used up is full again after so long."""
_BLOCKS = 100

_TAKE = b"""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local told = {}
for at, key in ipairs(KEYS) do
  local size, most = tonumber(ARGV[2 * at - 1]), tonumber(ARGV[2 * at])
  local every = 60000 / size
  local full = math.max(tonumber(redis.call('GET', key) or now), now)
  local left = math.max(0, math.floor(size - (full - now) / every))
  local taken = math.min(most, left)
  if taken > 0 then
    full = full + taken * every
    redis.call('SET', key, full, 'PX', math.ceil(full - now))
  end
  table.insert(told, taken)
  table.insert(told, left - taken)
  table.insert(told, left > 0 and 0 or math.ceil(full - now - every * (size - 1)))
end
return told
"""
"""The same leaky bucket as one use at a time takes from, for several stocks in one call."""


class Taken(NamedTuple):
    """How many were taken, how many are left, and in how long there is one again if none was."""

    many: int
    left: int
    wait_ms: int


@dataclass(frozen=True, slots=True)
class Stock:
    """`size` permits, and as many again within a minute."""

    place: bytes
    size: int

    @property
    def block(self) -> int:
        """What is taken at once: a hundredth, for that is how much a process may waste."""
        return max(1, self.size // _BLOCKS)

    @property
    def every_s(self) -> float:
        """How long one permit takes to come back."""
        return PER_S / self.size


async def take(cache: Cache, stocks: Sequence[Stock]) -> Sequence[Taken] | None:
    """A block of each, in one call; None when nobody knows what is left."""
    amounts = [number for stock in stocks for number in (stock.size, stock.block)]
    told = await cache.evaluated(_TAKE, [stock.place for stock in stocks], *amounts)
    return None if told is None else list(_by_three(told))


def _by_three(numbers: Iterable[int]) -> Iterable[Taken]:
    return map(Taken._make, zip(*[iter(numbers)] * 3, strict=True))
