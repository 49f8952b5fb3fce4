"""A batch of events folded in memory: what every table will hold, before anything is written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from projections.engine.catalog import Catalog, Hearers
from projections.engine.log import Unreadable
from projections.engine.projection import Primary, Row, Values
from projections.engine.transition import Transition
from write_model.kernel.messages import Recorded


class CannotFold(Exception):
    """An event that no projection can take; the message says why, without its content."""


@dataclass(slots=True)
class Batch:
    """Events folded in order on top of the rows `known` from before.

    Events of `parked` streams change no document, but stay in the feeds, which have no gaps.
    """

    catalog: Catalog
    known: Mapping[int, Row]
    """By streams as integers: a UUID's own hash is Python code, and dear (measured: a tenth)."""
    parked: Collection[UUID] = ()
    rows: dict[int, Row] = field(default_factory=dict[int, Row])
    """The documents of the streams that the batch touched, as they are after it."""
    _last: dict[int, tuple[Primary, Recorded]] = field(
        default_factory=dict[int, tuple[Primary, Recorded]]
    )
    _added: dict[str, list[Values]] = field(default_factory=dict[str, list[Values]])

    def fold(self, events: Iterable[Recorded]) -> None:
        """Raises: CannotFold for unreadable events, and whatever a fold raises."""
        for recorded in events:
            hearers = self.catalog.hearers(recorded.topic)
            transition = self._transition(hearers.primary, recorded)
            self._add(hearers, transition)

    def tables(self) -> dict[str, list[Values]]:
        """The rows to write, by table: documents once per stream, additions once per event."""
        tables = dict(self._added)
        for primary in self.catalog.primaries():
            last = [recorded for by, recorded in self._last.values() if by is primary]
            for each in self.catalog.documents_of(primary) if last else ():
                values = each.values
                tables[each.table.name] = [values(self.rows[r.stream.int], r) for r in last]
        return tables

    def _transition(self, primary: Primary | None, recorded: Recorded) -> Transition:
        if self.parked and recorded.stream in self.parked:
            return Transition(None, None, recorded)
        if isinstance(recorded.event, Unreadable):
            raise CannotFold(recorded.event.reason)
        if primary is None:
            return Transition(None, None, recorded)
        stream = recorded.stream.int
        before = self.rows.get(stream) or self.known.get(stream)
        after = primary.fold(before, recorded)
        self.rows[stream] = after
        self._last[stream] = primary, recorded
        return Transition(before, after, recorded)

    def _add(self, hearers: Hearers, transition: Transition) -> None:
        for additions in hearers.additions:
            rows = additions.rows(transition)
            self._added.setdefault(additions.table.name, []).extend(rows)
