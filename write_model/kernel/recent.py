"""A bounded memory of what was used last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
S = TypeVar("S", bound=Hashable)


class Recent(Generic[K, V]):
    """Keeps the `at_most` entries that were used last."""

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def remember(self, key: K, value: V) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._at_most:
            self.forget(next(iter(self._entries)))

    def forget(self, key: K) -> None:
        self._entries.pop(key, None)

    def __iter__(self) -> Iterator[K]:
        """What is remembered now, the longest unused first."""
        return iter(tuple(self._entries))

    def clear(self) -> None:
        self._entries.clear()


class RecentFrom(Recent[K, V], Generic[K, V, S]):
    """The same of what was read from sources, one key of each, and is forgotten by them too.

    A source is known for exactly as long as its key is, however seldom it is asked for itself.
    """

    def __init__(self, at_most: int) -> None:
        super().__init__(at_most)
        self._sources: dict[K, S] = {}
        self._keys: dict[S, K] = {}

    def remember_from(self, source: S, key: K, value: V) -> None:
        self._sources[key], self._keys[source] = source, key
        self.remember(key, value)

    def forget(self, key: K) -> None:
        super().forget(key)
        if key in self._sources:
            self._keys.pop(self._sources.pop(key), None)

    def forget_from(self, source: S) -> None:
        if source in self._keys:
            self.forget(self._keys[source])

    def clear(self) -> None:
        super().clear()
        self._sources.clear()
        self._keys.clear()
