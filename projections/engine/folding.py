"""A batch of events folded in memory: what every table will hold, before anything is written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from sys import maxsize
from uuid import UUID

from projections.engine.catalog import Catalog
from projections.engine.log import Unreadable
from projections.engine.projection import Additions, Primary, Row, Values
from projections.engine.tallying import changes_of, difference
from projections.engine.transition import Transition
from write_model.kernel.messages import Recorded


class CannotFold(Exception):
    """An event that no projection can take; the message says why, without its content."""


@dataclass(slots=True)
class Batch:
    """Events folded in order on top of the rows `known` from before.

    Events that are parked or skipped change no document, but stay in the feeds, which have no gaps.
    `parked`: stream -> the position from which its events are. `skipped`: positions.
    """

    catalog: Catalog
    known: Mapping[int, Row]
    """By streams as integers: a UUID's own hash is Python code, and dear (measured: a tenth)."""
    parked: Mapping[UUID, int] = field(default_factory=dict[UUID, int])
    skipped: Collection[int] = ()
    rows: dict[int, Row] = field(default_factory=dict[int, Row])
    """The documents of the streams that the batch touched, as they are after it."""
    last: dict[str, dict[int, Recorded]] = field(default_factory=dict[str, dict[int, Recorded]])
    """By primary projection: its streams with the last event of each."""
    _added: dict[str, list[Values]] = field(default_factory=dict[str, list[Values]])

    def fold(self, events: Iterable[Recorded]) -> None:
        """Raises: CannotFold for unreadable events, and whatever a fold raises."""
        for recorded in events:
            hearers = self.catalog.hearers(recorded.topic)
            before, after = self._folded(hearers.primary, recorded)
            if hearers.additions:
                self._add(hearers.additions, Transition(before, after, recorded))

    def tables(self) -> dict[str, list[Values]]:
        """The rows to write, by table: documents once per stream, additions once per event.

        Of counts what is to be added to them.
        """
        tables = self.additions()
        for primary in self.catalog.primaries():
            last = self.last.get(primary.name, {})
            for each in self.catalog.documents_of(primary) if last else ():
                values, rows = each.values, self.rows
                tables[each.table.name] = [values(rows[id_], r) for id_, r in last.items()]
            for tally in self.catalog.tallies_of(primary) if last else ():
                changes = changes_of(last, self.known, self.rows)
                tables[tally.table.name] = difference(tally, changes)
        return tables

    def additions(self) -> dict[str, list[Values]]:
        """The rows of them that are added for good, once per event."""
        return dict(self._added)

    def _folded(self, primary: Primary | None, recorded: Recorded) -> tuple[Row | None, Row | None]:
        if self._is_set_aside(recorded):
            return None, None
        if isinstance(recorded.event, Unreadable):
            raise CannotFold(recorded.event.reason)
        if primary is None:
            return None, None
        stream = recorded.stream.int
        before = self.rows.get(stream) or self.known.get(stream)
        after = self.rows[stream] = primary.fold(before, recorded)
        self.last.setdefault(primary.name, {})[stream] = recorded
        return before, after

    def _is_set_aside(self, recorded: Recorded) -> bool:
        parked = self.parked and self.parked.get(recorded.stream, maxsize) <= recorded.position
        return bool(parked or (self.skipped and recorded.position in self.skipped))

    def _add(self, additions: Iterable[Additions], transition: Transition) -> None:
        for each in additions:
            self._added.setdefault(each.table.name, []).extend(each.rows(transition))
