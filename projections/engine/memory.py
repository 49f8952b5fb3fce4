"""What the projector knows without asking: the rows that it wrote last, and what is parked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from projections.engine.catalog import Catalog
from projections.engine.log import Connection
from projections.engine.parking import parked_streams, skipped_positions
from projections.engine.projection import Row
from projections.engine.writing import read_rows
from read_model.layout import Layout
from write_model.kernel.messages import Recorded

Missing = dict[str, set[UUID]]
"""The streams whose rows are not remembered, by the name of the table that has them."""


@dataclass(slots=True)
class Memory:
    """Holds only what has really been written; streams are integers as in `Batch`.

    Two generations instead of an order of use: a batch is taken in at once, where moving each row
    to the end of an order costs ten times as much (measured). What is used moves to the younger.
    At least the half of `at_most` rows is kept, and never more than these and a batch.
    """

    connection: Connection
    catalog: Catalog
    at_most: int
    layout: Layout = field(default_factory=Layout)
    parked: Mapping[UUID, int] = field(default_factory=dict[UUID, int])
    """Stream -> the position from which its events are set aside."""
    skipped: frozenset[int] = frozenset()
    """The positions of events that are left out."""
    _younger: dict[int, Row] = field(default_factory=dict[int, Row])
    _older: dict[int, Row] = field(default_factory=dict[int, Row])

    def begin_again(self) -> None:
        """Somebody else may have written since: forget the rows, and ask what is set aside."""
        self._younger, self._older = {}, {}
        self.parked = parked_streams(self.connection)
        self.skipped = skipped_positions(self.connection)

    def remember(self, rows: Mapping[int, Row]) -> None:
        self._younger |= rows
        if len(self._younger) > self.at_most // 2:
            self._younger, self._older = {}, self._younger

    def park(self, stream: UUID, position: int) -> None:
        self.parked = {**self.parked, stream: position}
        self._younger.pop(stream.int, None)
        self._older.pop(stream.int, None)

    def rows_before(self, events: Sequence[Recorded]) -> dict[int, Row]:
        """The rows that these events are folded on; those not remembered are read."""
        known, missing = self.remembered(events, {})
        for name, streams in missing.items():
            place = self.layout.name(name)
            known |= read_rows(self.connection, place, streams)
        return known

    def remembered(
        self, events: Sequence[Recorded], newer: Mapping[int, Row]
    ) -> tuple[dict[int, Row], Missing]:
        """What `newer` or the memory has of the rows before these events, and what is missing."""
        firsts = {recorded.stream.int: recorded for recorded in reversed(events)}
        younger, older = self._younger, self._older
        known = {
            stream: row
            for stream in firsts
            if (row := newer.get(stream) or younger.get(stream) or older.get(stream))
        }
        if len(known) == len(firsts):
            return known, {}
        return known, self._missing(firsts[stream] for stream in firsts.keys() - known.keys())

    def _missing(self, firsts: Iterable[Recorded]) -> Missing:
        missing: Missing = {}
        for recorded in firsts:
            primary = self.catalog.hearers(recorded.topic).primary
            # A stream's first event has no row before it.
            if primary and recorded.version > 1 and recorded.stream not in self.parked:
                missing.setdefault(primary.table.name, set()).add(recorded.stream)
        return missing
