"""Everything that is projected, and for each kind of event who hears it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from projections.engine.projection import Additions, Header, Mirror, Primary, Projection, TableSpec


class Hearers(NamedTuple):
    """Who hears one topic: at most one primary projection."""

    primary: Primary | None
    additions: tuple[Additions, ...]


@dataclass(frozen=True)
class Catalog:
    projections: tuple[Projection, ...]
    _hearers: dict[str, Hearers] = field(default_factory=dict[str, Hearers], compare=False)

    def hearers(self, topic: str) -> Hearers:
        known = self._hearers.get(topic)
        return known or self._hearers.setdefault(topic, self._find(topic.partition(".")[0]))

    def documents_of(self, primary: Primary) -> tuple[Primary | Mirror, ...]:
        """The projections with one row per stream of this primary, itself first."""
        return primary, *(mirror for mirror in self._mirrors() if mirror.of == primary.name)

    def primaries(self) -> tuple[Primary, ...]:
        return tuple(each for each in self.projections if isinstance(each, Primary))

    def headers(self) -> frozenset[Header]:
        """What all of them use of `Recorded`, in their folds and in their rows."""
        return self._used_by_folds() | self._used_by_rows()

    def _used_by_folds(self) -> frozenset[Header]:
        folded = (each for each in self.projections if isinstance(each, Primary | Additions))
        return frozenset(name for each in folded for name in each.headers)

    def _used_by_rows(self) -> frozenset[Header]:
        shown = (each for each in self.projections if isinstance(each, Primary | Mirror))
        return frozenset(name for each in shown for name in each.values_headers)

    def table(self, name: str) -> TableSpec:
        return next(each.table for each in self.projections if each.table.name == name)

    def tables(self) -> tuple[TableSpec, ...]:
        return tuple(each.table for each in self.projections)

    def _mirrors(self) -> tuple[Mirror, ...]:
        return tuple(each for each in self.projections if isinstance(each, Mirror))

    def _find(self, kind: str) -> Hearers:
        primary = next((each for each in self.primaries() if kind in each.topics), None)
        additions = (each for each in self.projections if isinstance(each, Additions))
        return Hearers(primary, tuple(e for e in additions if not e.topics or kind in e.topics))
