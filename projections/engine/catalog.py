"""Everything that is projected, and for each kind of event who hears it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, assert_never

from projections.engine.projection import (
    Additions,
    Header,
    Mirror,
    Primary,
    Projection,
    TableSpec,
    Tally,
)


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

    def tallies_of(self, primary: Primary) -> tuple[Tally, ...]:
        tallies = (each for each in self.projections if isinstance(each, Tally))
        return tuple(tally for tally in tallies if tally.of == primary.name)

    def with_tallies(self, names: Collection[str]) -> list[str]:
        """These and the tallies of the primary projections among them, each once.

        A count is of the documents that are shown, and other documents may count otherwise.
        """
        tallies = (each for each in self.projections if isinstance(each, Tally))
        return list(dict.fromkeys((*names, *(each.name for each in tallies if each.of in names))))

    def primaries(self) -> tuple[Primary, ...]:
        return tuple(each for each in self.projections if isinstance(each, Primary))

    def headers(self) -> frozenset[Header]:
        """What all of them use of `Recorded`, in their folds and in their rows."""
        return frozenset(name for each in self.projections for name in _headers(each))

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


def _headers(projection: Projection) -> Iterable[Header]:
    match projection:
        case Primary():
            return (*projection.headers, *projection.values_headers)
        case Mirror():
            return projection.values_headers
        case Additions():
            return projection.headers
        case Tally():
            return ("tenant",)
        case _:
            assert_never(projection)
