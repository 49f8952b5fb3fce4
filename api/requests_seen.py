"""What requests have come, how they ended and how long they took: by route, never by address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from write_model.kernel.measuring import Distribution

TIMES_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""From what a cached read takes to a command's deadline."""
NO_ROUTE = "none"
"""Of an address that nothing answers; it may hold anything, so it is named nowhere."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "other"


@dataclass(slots=True)
class Seen:
    """`codes`: how many were answered with 1xx, 2xx ... 5xx; 0 is a client that left unanswered."""

    times: Distribution = field(default_factory=lambda: Distribution(TIMES_S))
    codes: list[int] = field(default_factory=lambda: [0] * 6)


class RequestsSeen:
    """As many as there are routes and methods, whatever clients send."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], Seen] = {}

    @property
    def by_route(self) -> Mapping[tuple[str, str], Seen]:
        """Method and route -> what was seen of it."""
        return MappingProxyType(self._seen)

    def add(self, method: str, route: str, status: int, took_s: float) -> None:
        """`status`: 0 when nothing was answered."""
        seen = self._seen.get((method, route))
        if seen is None:
            seen = self._first(method, route)
        seen.codes[status // 100] += 1
        seen.times.add(took_s)

    def _first(self, method: str, route: str) -> Seen:
        known = method if method in _METHODS else _OTHER
        return self._seen.setdefault((known, route), Seen())
