"""A batch of events folded in memory: what every table will hold, before anything is written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from sys import maxsize
from typing import NamedTuple
from uuid import UUID

import structlog

from projections.engine.blocks import NotRead
from projections.engine.catalog import Catalog
from projections.engine.log import Unreadable
from projections.engine.projection import Additions, Mirror, Primary, Row, Values
from projections.engine.tallying import changes_of, difference
from projections.engine.transition import Transition
from write_model.kernel.messages import Recorded

log = structlog.get_logger(__name__)


class CannotFold(Exception):
    """An event that no projection can take; the message says why, without its content."""


class _Hearing(NamedTuple):
    """Who hears one topic; `last`: where its primary projection's streams are noted."""

    primary: Primary | None
    last: dict[int, int]
    additions: tuple[Additions, ...]


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
    last: dict[str, dict[int, int]] = field(default_factory=dict[str, dict[int, int]])
    """By primary projection: its streams with the position of the last event of each."""
    _added: dict[str, list[Values]] = field(default_factory=dict[str, list[Values]])
    _hearing: dict[str, _Hearing] = field(default_factory=dict[str, _Hearing])
    """By topic."""

    def fold(self, events: Iterable[Recorded]) -> None:
        """Of an event that cannot be taken nothing is kept.

        Raises: CannotFold for unreadable events, and whatever a fold or additions raise.

        One loop with few calls of our own: they were half of the folding (measured).
        """
        rows, known, hearing = self.rows, self.known, self._hearing
        sets_aside = bool(self.parked or self.skipped)
        for recorded in events:
            primary, last, additions = hearing.get(recorded.topic) or self._heard(recorded.topic)
            before = after = None
            if sets_aside and self._is_set_aside(recorded):
                self._keep([(each, _rows_set_aside(each, recorded)) for each in additions])
                continue
            if type(recorded.event) is Unreadable:
                raise CannotFold(recorded.event.fault)
            stream = recorded.stream.int
            if primary is not None:
                before = rows.get(stream) or known.get(stream)
                after = primary.fold(before, recorded)
            if additions:
                transition = Transition(before, after, recorded)
                self._keep([(each, each.rows(transition)) for each in additions])
            if after is not None:
                rows[stream] = after
                last[stream] = recorded.position

    def tables(self, events: Iterable[Recorded]) -> dict[str, list[Values]]:
        """The rows to write for the events that were folded, by table: documents once per stream,
        additions once per event, and what is to be added to counts.

        A mirror's row is left out where the batch changed nothing that it shows.
        """
        tables, at = self.additions(), {recorded.position: recorded for recorded in events}
        for primary in self.catalog.primaries():
            last = {id_: at[position] for id_, position in self.last.get(primary.name, {}).items()}
            for each in self.catalog.documents_of(primary) if last else ():
                values, rows = each.values, self.rows
                changed = self._changed(each, last)
                tables[each.table.name] = [values(rows[id_], r) for id_, r in changed.items()]
            for tally in self.catalog.tallies_of(primary) if last else ():
                changes = changes_of(last, self.known, self.rows)
                tables[tally.table.name] = difference(tally, changes)
        return tables

    def additions(self) -> dict[str, list[Values]]:
        """The rows of them that are added for good, once per event; handed over only once."""
        added, self._added = self._added, {}
        return added

    def _changed(
        self, each: Primary | Mirror, last: Mapping[int, Recorded]
    ) -> Mapping[int, Recorded]:
        """The streams whose row is another than before the batch."""
        if isinstance(each, Primary) or not each.of_fields:
            return last
        fields = each.of_fields
        return {id_: recorded for id_, recorded in last.items() if self._differs(id_, fields)}

    def _differs(self, stream: int, fields: tuple[str, ...]) -> bool:
        before, after = self.known.get(stream), self.rows[stream]
        return before is None or any(before.get(name) is not after[name] for name in fields)

    def _heard(self, topic: str) -> _Hearing:
        primary, additions = self.catalog.hearers(topic)
        last = self.last.setdefault(primary.name, {}) if primary else {}
        return self._hearing.setdefault(topic, _Hearing(primary, last, additions))

    def _is_set_aside(self, recorded: Recorded) -> bool:
        parked = self.parked and self.parked.get(recorded.stream, maxsize) <= recorded.position
        return bool(parked or (self.skipped and recorded.position in self.skipped))

    def _keep(self, added: Iterable[tuple[Additions, Sequence[Values]]]) -> None:
        for each, rows in added:
            self._added.setdefault(each.table.name, []).extend(rows)


def _rows_set_aside(additions: Additions, recorded: Recorded) -> Sequence[Values]:
    """With what the event said, else without; none where that is refused as well."""
    for is_bare in (False, True):
        try:
            return additions.rows(Transition(None, None, recorded, is_bare))
        except (NotRead, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  # it may be for this that the event is set aside
            log.debug("projector.told_without", reason=type(error).__name__)
    return ()
