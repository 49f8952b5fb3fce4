"""Records counted by what their documents say: a change takes from one count, adds to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from uuid import UUID

from projections.engine.projection import Row, Tally, Values
from write_model.kernel.messages import Recorded

_ANY_TENANT = UUID(int=0)

Change = tuple[UUID, Row | None, Row | None]
"""A record's organization, its document as it was counted, and as it is to be counted now."""


def changes_of(
    last: Mapping[int, Recorded], before: Mapping[int, Row], after: Mapping[int, Row]
) -> list[Change]:
    """The changes of the streams in `last`."""
    return [(last[id_].tenant, before.get(id_), after[id_]) for id_ in last]


def difference(tally: Tally, changes: Iterable[Change]) -> list[Values]:
    """What is to be added to each count, once by key; what stays as it is has no row."""
    counts = Counter[Values]()
    for tenant, before, after in changes:
        gone, come = _keys(tally, before, tenant), _keys(tally, after, tenant)
        # Most events change no key, and to hash one with ids in it is dear.
        if gone != come:
            counts.update(come)
            counts.subtract(gone)
    return as_rows(counts)


def is_counted_otherwise(tally: Tally, before: Row | None, after: Row | None) -> bool:
    """Whether another document counts under other keys than the one before."""
    return _keys(tally, before, _ANY_TENANT) != _keys(tally, after, _ANY_TENANT)


def as_rows(counts: Mapping[Values, int]) -> list[Values]:
    return [(*key, count) for key, count in counts.items() if count]


def _keys(tally: Tally, row: Row | None, tenant: UUID) -> tuple[Values, ...]:
    return () if row is None else tally.keys(row, tenant)
