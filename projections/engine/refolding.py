"""Records folded anew from the log, as they stand at a position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import length_hint
from sys import maxsize
from uuid import UUID

import structlog

from projections.engine.blocks import Blocks, NotRead
from projections.engine.folding import Batch
from projections.engine.log import Connection, read_positions, read_streams
from projections.engine.parking import (
    BEHIND_ANOTHER,
    is_poison,
    letters,
    parked_streams,
    reason_for,
    skipped_positions,
)
from projections.engine.projection import Primary, Row, Tally, Values
from projections.engine.tallying import as_rows
from projections.engine.wanted import Document, Wanted
from write_model.kernel.messages import Recorded

log = structlog.get_logger(__name__)

Tables = Mapping[str, Sequence[Values]]
"""Rows by the name of their declared table."""

_STREAMS_SHOWN = 1_000


@dataclass(slots=True)
class Refolding:
    """Folds more and more of the log; what it cannot fold is parked, as the projector does.

    `parked`: stream -> the position from which its events wait. `skipped`: positions.
    """

    connection: Connection
    wanted: Wanted
    parked: dict[UUID, int]
    skipped: frozenset[int]
    _known: Mapping[UUID, int] = field(default_factory=dict[UUID, int])
    """What the projector has parked: it has written the letters from there on."""
    _found: set[UUID] = field(default_factory=set[UUID])
    letters: list[Values] = field(default_factory=list[Values])
    """For what was parked here: those events and all later ones of their records."""
    _set_aside_at: set[int] = field(default_factory=set[int])
    """What has a letter: a document that cannot be shown is met again each time it would be."""
    _rows: dict[int, Row] = field(default_factory=dict[int, Row])
    _last: dict[str, dict[int, int]] = field(default_factory=dict[str, dict[int, int]])
    """As in `Batch`: the events themselves would lie in cold memory when others replace them, which
    takes 1 µs each (measured)."""
    _counts: dict[str, Counter[Values]] = field(default_factory=dict[str, Counter[Values]])

    @classmethod
    def begun(
        cls, connection: Connection, wanted: Wanted, also: Mapping[UUID, int] | None = None
    ) -> Refolding:
        """With what is parked and skipped now; `also`: what a rebuild has parked before."""
        skipped = skipped_positions(connection)
        known = parked_streams(connection)
        found = {
            stream: at for stream, at in (also or {}).items() if at < known.get(stream, maxsize)
        }
        return cls(connection, wanted, {**known, **found}, skipped, known, set(found))

    def found(self) -> dict[UUID, int]:
        """What was parked here: stream -> the position from which it is."""
        return {stream: self.parked[stream] for stream in self._found}

    def add(self, events: Sequence[Recorded]) -> Tables:
        """Fold the events that follow; the rows that they add for good. Raises: NotRead."""
        batch = Batch(self.wanted.catalog, {}, self.parked, self.skipped, self._rows, self._last)
        remaining = iter(events)
        while length_hint(remaining):
            try:
                batch.fold(remaining)
            except NotRead:
                raise
            except Exception as error:  # noqa: BLE001  # a fold may refuse in any way
                at = len(events) - length_hint(remaining) - 1
                self._park(events[at], error)
                batch.fold(events[at : at + 1])
        self._set_aside_behind_others(events)
        wanted, added = self.wanted.tables(), batch.additions()
        return {name: rows for name, rows in added.items() if name in wanted}

    def documents(self) -> Iterator[Tables]:
        """A row per stream for every table that has one; of some streams at a time, because the
        rows of all would take several times the memory of what is folded. They are counted from
        here on."""
        for primary in self.wanted.catalog.primaries():
            for last in self._last_events(primary):
                yield self._documents(primary, last)

    def _documents(self, primary: Primary, last: Iterable[Recorded]) -> Tables:
        tables: dict[str, list[Values]] = {}
        for each, values in self._all_shown(primary, self.wanted.documents_of(primary), last):
            if isinstance(each, Tally):
                self._count(each, values, 1)
            else:
                tables.setdefault(each.table.name, []).append(values)
        return tables

    def rows_of(self, primary: Primary) -> Mapping[int, Row]:
        """The documents of one projection as they stand now, by streams as integers."""
        return {stream: self._rows[stream] for stream in self._last.get(primary.name, {})}

    def discount(self) -> None:
        """The documents as they stand now are counted already: their counts change from here."""
        for primary in self.wanted.catalog.primaries():
            tallies = self.wanted.tallies_of(primary)
            for last in self._last_events(primary) if tallies else ():
                for tally, keys in self._all_shown(primary, tallies, last):
                    self._count(tally, keys, -1)

    def counts(self) -> Tables:
        """What is to be added to each count, for all documents that were made until now."""
        return {name: as_rows(counted) for name, counted in self._counts.items()}

    def _count(self, tally: Document, keys: Sequence[Values], by: int) -> None:
        counted = self._counts.setdefault(tally.table.name, Counter())
        for key in keys:
            counted[key] += by

    def _last_events(self, primary: Primary) -> Iterator[Collection[Recorded]]:
        events, positions = Blocks(self.connection), iter(self._last.get(primary.name, {}).values())
        while some := list(islice(positions, _STREAMS_SHOWN)):
            yield events.at(some).values()

    def _all_shown(
        self, primary: Primary, documents: Sequence[Document], last: Iterable[Recorded]
    ) -> Iterator[tuple[Document, Values]]:
        for recorded in last:
            row = self._rows[recorded.stream.int]
            yield from self._shown(primary, documents, row, recorded)

    def _shown(
        self, primary: Primary, documents: Sequence[Document], row: Row, last: Recorded
    ) -> list[tuple[Document, Values]]:
        try:
            return [(each, _values(each, row, last)) for each in documents]
        except Exception:  # noqa: BLE001  # a table's values may refuse in any way
            return self._shown_before_trouble(primary, documents, last)

    def _shown_before_trouble(
        self, primary: Primary, documents: Sequence[Document], last: Recorded
    ) -> list[tuple[Document, Values]]:
        """Step by step to the first event after which there is nothing to show; it is parked.

        The feed keeps what that event did to the document, which the projector would not have told.
        """
        row, shown = None, list[tuple[Document, Values]]()
        events = read_streams(self.connection, [last.stream], last.position)
        for recorded in events:
            if recorded.position in self.skipped:
                continue
            try:
                row = primary.fold(row, recorded)
                shown = [(each, _values(each, row, recorded)) for each in documents]
            except Exception as error:  # noqa: BLE001  # as above
                self._park(recorded, error)
                self._set_aside_behind_others(events)
                break
        return shown

    def forget(self) -> None:
        """Go on with other streams."""
        self._rows, self._last = {}, {}

    def _park(self, recorded: Recorded, error: Exception) -> None:
        if not is_poison(error):
            raise error
        if recorded.position in self._set_aside_at:
            return
        reason = reason_for(error)
        self.parked[recorded.stream] = recorded.position
        self._found.add(recorded.stream)
        self._set_aside([recorded], reason)
        log.error("rebuild.parked", type=recorded.topic, reason=reason)

    def _set_aside_behind_others(self, events: Sequence[Recorded]) -> None:
        """Up to where the projector has set their records aside itself."""
        if not self._found:
            return
        late = [
            each
            for each in events
            if each.stream in self._found
            and self.parked[each.stream] < each.position < self._known.get(each.stream, maxsize)
        ]
        if late:
            self._set_aside(late, BEHIND_ANOTHER)

    def _set_aside(self, events: Sequence[Recorded], reason: str) -> None:
        # Read again, with the headers that letters show.
        positions = [each.position for each in events if each.position not in self._set_aside_at]
        self._set_aside_at.update(positions)
        self.letters += letters(read_positions(self.connection, positions), reason=reason)


def _values(document: Document, row: Row, recorded: Recorded) -> Values:
    """Of a tally its keys."""
    if isinstance(document, Tally):
        return document.keys(row, recorded.tenant)
    return document.values(row, recorded)
