"""How often somebody may do something: a bucket per key that fills up again with time."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from write_model.kernel.recent import Recent

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class _Bucket:
    left: float
    at: datetime


class Allowance(Generic[K]):
    """`times` in a row, and as many again in each `per`; for the keys that were used last."""

    def __init__(self, times: int, *, per: timedelta, keys: int = 20_000) -> None:
        self._times, self._per = times, per
        self._buckets: Recent[K, _Bucket] = Recent(keys)

    def take(self, key: K, *, now: datetime) -> bool:
        """Use it once; False when nothing is left."""
        left = self._left(key, now)
        if left < 1:
            return False
        self._buckets.remember(key, _Bucket(left - 1, now))
        return True

    def wait_s(self, key: K, *, now: datetime) -> int:
        """Whole seconds until one use is left again; 0 when there is one now."""
        missing = max(0.0, 1 - self._left(key, now))
        return math.ceil(missing * self._per.total_seconds() / self._times)

    def forget(self, key: K) -> None:
        """The full allowance again."""
        self._buckets.forget(key)

    def _left(self, key: K, now: datetime) -> float:
        bucket = self._buckets.get(key)
        if bucket is None:
            return self._times
        regained = (now - bucket.at) / self._per * self._times
        return min(self._times, bucket.left + regained)
