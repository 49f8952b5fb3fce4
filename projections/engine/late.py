"""Events of one record applied late: in order, in the projector's place, as far as they can be."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from projections.engine.catalog import Catalog
from projections.engine.folding import Batch
from projections.engine.layout import read_layout
from projections.engine.log import Connection
from projections.engine.parking import (
    BEHIND_ANOTHER,
    LETTERS,
    is_poison,
    letters,
    reason_for,
    skipped_positions,
)
from projections.engine.projection import Additions, Row, Values
from projections.engine.tallying import difference
from projections.engine.writing import Writer, delete_added, delete_streams, read_rows
from write_model.kernel.messages import Recorded


@dataclass(frozen=True, slots=True)
class Applied:
    """`events`: so many, from the first on. `error`: why not the next one."""

    events: int
    error: Exception | None = None


@dataclass(slots=True)
class Late:
    """Writes inside the transaction of whoever holds the checkpoint.

    What the feeds told of an event while it was parked is taken back; then it is told anew.
    """

    catalog: Catalog
    writer: Writer
    skipped: Collection[int]
    _rows: Mapping[int, Row] = field(default_factory=dict[int, Row])

    @classmethod
    def on(cls, connection: Connection, catalog: Catalog) -> Late:
        """With the tables that are pointed to, and what is skipped, now."""
        tables = {table.name: table for table in (*catalog.tables(), LETTERS)}
        writer = Writer(connection, tables, read_layout(connection))
        return cls(catalog, writer, skipped_positions(connection))

    def apply(self, events: Sequence[Recorded], *, on: Sequence[Recorded]) -> Applied:
        """Apply events on top of those before them, which can be shown.

        Raises: psycopg.Error for a trouble that is not the events'.
        """
        try:
            with self.writer.connection.transaction():
                self._go_back(events[0], on)
        except Exception as error:  # a fold or a table may refuse in any way
            if not is_poison(error):
                raise
            return Applied(0, error)
        return self._applied(events)

    def park(self, events: Sequence[Recorded], error: Exception) -> None:
        """Set these aside again, the first of them for what was wrong with it."""
        rows = [
            *letters(events[:1], reason=reason_for(error)),
            *letters(events[1:], reason=BEHIND_ANOTHER),
        ]
        first = events[0]
        batch = Batch(self.catalog, {}, {first.stream: first.position}, self.skipped)
        batch.fold(events)
        self._put(events, {**batch.tables(events), LETTERS.name: rows})

    def _go_back(self, first: Recorded, on: Sequence[Recorded]) -> None:
        """Every document and count of the record is as the log says before it was parked.

        A rebuild of some projections may have parked it earlier than the others show it.
        """
        batch = self._folded(on)
        batch.additions()  # They are told already.
        self._forget(first)
        self.writer.add(batch.tables(on))
        self._rows = batch.rows

    def _forget(self, first: Recorded) -> None:
        connection, place = self.writer.connection, self.writer.layout.name
        for primary in self.catalog.primaries():
            shown = read_rows(connection, place(primary.table.name), [first.stream])
            gone = [(first.tenant, row, None) for row in shown.values()]
            tallies = self.catalog.tallies_of(primary)
            self.writer.add({each.table.name: difference(each, gone) for each in tallies})
            for each in self.catalog.documents_of(primary):
                delete_streams(connection, each.table, place(each.table.name), [first.stream])

    def _applied(self, events: Sequence[Recorded]) -> Applied:
        """All of them at once, or by halves up to the one that cannot be."""
        try:
            with self.writer.connection.transaction():
                self._write(events)
            return Applied(len(events))
        except Exception as error:  # a fold or a table may refuse in any way
            if not is_poison(error):
                raise
            return self._by_halves(events, error)

    def _by_halves(self, events: Sequence[Recorded], error: Exception) -> Applied:
        middle = len(events) // 2
        if not middle:
            return Applied(0, error)
        first = self._applied(events[:middle])
        if first.error:
            return first
        second = self._applied(events[middle:])
        return Applied(first.events + second.events, second.error)

    def _write(self, events: Sequence[Recorded]) -> None:
        batch = self._folded(events)
        self._put(events, batch.tables(events))
        self._rows = {**self._rows, **batch.rows}

    def _folded(self, events: Sequence[Recorded]) -> Batch:
        batch = Batch(self.catalog, self._rows, skipped=self.skipped)
        batch.fold(events)
        return batch

    def _put(self, events: Sequence[Recorded], tables: Mapping[str, Sequence[Values]]) -> None:
        """What is told of these events now, in the place of what was."""
        positions = [recorded.position for recorded in events]
        for each in self.catalog.projections:
            if isinstance(each, Additions):
                place = self.writer.layout.name(each.table.name)
                delete_added(self.writer.connection, place, events[0].stream, positions)
        self.writer.add(tables)
