"""What is to be folded anew: some projections, with the documents that they are made from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from projections.engine.catalog import Catalog
from projections.engine.projection import Additions, Header, Mirror, Primary, Projection, Tally

Document = Primary | Mirror | Tally
"""What has a row per stream, or counts it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Some projections of a catalog, with the documents that they are made from."""

    catalog: Catalog
    projections: tuple[Projection, ...]

    @classmethod
    def of(cls, catalog: Catalog, names: Collection[str]) -> Wanted:
        """Raises: KeyError for a name that nothing has."""
        known = {each.name: each for each in catalog.projections}
        projections = tuple(known[name] for name in dict.fromkeys(names))
        primaries = {each.of for each in projections if isinstance(each, Mirror | Tally)}
        if any(isinstance(each, Additions) for each in projections):
            primaries |= {each.name for each in catalog.primaries()}
        needed = {*names, *primaries}
        return cls(Catalog(tuple(e for e in catalog.projections if e.name in needed)), projections)

    def tables(self) -> frozenset[str]:
        return frozenset(each.table.name for each in self.projections)

    def documents_of(self, primary: Primary) -> list[Document]:
        """Those of a primary projection's documents that are wanted."""
        tables = self.tables()
        documents = *self.catalog.documents_of(primary), *self.catalog.tallies_of(primary)
        return [each for each in documents if each.table.name in tables]

    def tallies_of(self, primary: Primary) -> list[Tally]:
        return [each for each in self.documents_of(primary) if isinstance(each, Tally)]

    def kinds(self) -> tuple[str, ...]:
        """The kinds of events that they are made from; () for all."""
        heard = [self._topics(each) for each in self.projections]
        return tuple(sorted({kind for kinds in heard for kind in kinds})) if all(heard) else ()

    def headers(self) -> frozenset[Header]:
        """What their folding uses of `Recorded`, with the documents that they are made from."""
        found = self.catalog.projections
        folded = (each for each in found if isinstance(each, Primary | Additions))
        return frozenset(name for each in folded for name in each.headers)

    def _topics(self, projection: Projection) -> tuple[str, ...]:
        if isinstance(projection, Mirror | Tally):
            return next(p.topics for p in self.catalog.primaries() if p.name == projection.of)
        return projection.topics
