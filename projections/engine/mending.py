"""Some records folded anew in the tables that are read, while everybody goes on.

A few at a time, in one transaction each: whoever reads sees a record's old rows or its new ones.
Meanwhile the projector waits, and forgets what it knew of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from time import perf_counter, sleep
from uuid import UUID

from projections.engine.alone import alone
from projections.engine.catalog import Catalog
from projections.engine.checkpoint import applied, hold_still, lag, raise_layout
from projections.engine.choosing import Choice, batches, chosen
from projections.engine.layout import read_layout
from projections.engine.log import Connection, read_streams
from projections.engine.parking import LETTERS
from projections.engine.progress import Phase, Progress, Told
from projections.engine.projection import Primary, Projection, Tally
from projections.engine.rebuilding import Rebuild
from projections.engine.recounting import ask_for_recount, to_recount
from projections.engine.refolding import Refolding
from projections.engine.tallying import is_counted_otherwise
from projections.engine.versions import must_be_shown
from projections.engine.wanted import Wanted
from projections.engine.writing import Writer, delete_streams, read_rows

_AT_ONCE = 250
"""Events: the projector waits for them, 26 ms in the mean beside other work on both cores, with all
projections (measured; twice as long with twice as many)."""

_LETS_BY_S = 0.3
"""Between two batches: several times what the projector needs to read anew and to move."""

_LOOKS_EVERY_S = 0.002


class NotByRecord(Exception):
    """A projection whose rows are not those of single records: it can only be rebuilt whole."""


@dataclass(slots=True)
class Mended:
    """`parked`: events that could not be folded. `longest_s`: that the projector waited.

    `recounted`: the tallies that were made anew, because a record is counted otherwise now, or was
    after a mending that did not end.
    """

    records: int = 0
    events: int = 0
    parked: int = 0
    seconds: float = 0.0
    longest_s: float = 0.0
    recounted: set[str] = field(default_factory=set[str])


@dataclass(frozen=True, slots=True)
class Mending:
    """Mends on a connection of its own, as the tailer."""

    connection: Connection
    catalog: Catalog
    told: Told
    at_once: int = _AT_ONCE
    lets_by_s: float = _LETS_BY_S
    mended: Mended = field(default_factory=Mended)

    def of(self, names: Collection[str], choice: Choice) -> Mended:
        """Put what the log says of the chosen records in the place of their rows.

        `names`: of projections; none are all that have rows of single records.
        Raises: KeyError for an unknown name; NotByRecord; AlreadyRebuilding; LogRestored;
        OtherRelease; UnknownTopic; psycopg.Error.
        """
        wanted = Wanted.of(self.catalog, names or mendable(self.catalog))
        _must_be_by_record(wanted.projections)
        with alone(self.connection):
            began = perf_counter()
            must_be_shown(self.connection, self.catalog)
            self._pass_over(wanted, choice)
            self.mended.recounted.update(to_recount(self.connection, self.catalog))
            if self.mended.recounted:
                Rebuild(self.connection, self.catalog, self.told).of(self.mended.recounted)
            self.mended.seconds = perf_counter() - began
            return self.mended

    def _pass_over(self, wanted: Wanted, choice: Choice) -> None:
        through, epoch = applied(self.connection)
        writer, passed = self._writer(wanted), 0
        self.told(Progress(Phase.FOLDING, passed, through))  # Whoever dies from here on has tried.
        for to, records in chosen(self.connection, choice, through=through):
            for few in batches(records, at_most=self.at_once):
                began = perf_counter()
                with self.connection.transaction():
                    held_at = self._mend(writer, wanted, [each.stream for each in few], epoch)
                self.mended.longest_s = max(self.mended.longest_s, perf_counter() - began)
                self._let_by(held_at)
                self.told(Progress(Phase.FOLDING, passed, through))
            passed = to
            self.told(Progress(Phase.FOLDING, passed, through))

    def _let_by(self, held_at: int) -> None:
        """Wait, but not for long, until the projector has moved on or there is nothing for it.

        Under each new layout it reads anew before it moves; the next batch would undo that again.
        """
        began = perf_counter()
        while perf_counter() - began < self.lets_by_s:
            found = lag(self.connection)
            if found.position > held_at or not found.behind or found.paused or not found.held:
                return
            sleep(_LOOKS_EVERY_S)

    def _writer(self, wanted: Wanted) -> Writer:
        tables = {each.table.name: each.table for each in wanted.projections}
        layout = read_layout(self.connection)
        return Writer(self.connection, {**tables, LETTERS.name: LETTERS}, layout)

    def _mend(self, writer: Writer, wanted: Wanted, streams: Sequence[UUID], epoch: int) -> int:
        """Where the projector stood meanwhile."""
        through = hold_still(self.connection, epoch=epoch)
        events = read_streams(self.connection, streams, through)
        refolding = Refolding.begun(self.connection, wanted)
        added = refolding.add(events)
        counted = self._counted_otherwise(writer, wanted, streams, refolding)
        ask_for_recount(self.connection, counted)
        for projection in wanted.projections:
            table = projection.table
            delete_streams(self.connection, table, writer.layout.name(table.name), streams)
        for rows in (added, *refolding.documents()):
            writer.add(rows)
        writer.add({LETTERS.name: refolding.letters})
        raise_layout(self.connection)
        self.mended.records += len(streams)
        self.mended.events += len(events)
        self.mended.parked += len(refolding.letters)
        return through

    def _counted_otherwise(
        self, writer: Writer, wanted: Wanted, streams: Sequence[UUID], refolding: Refolding
    ) -> set[str]:
        """A count cannot be mended by record: nobody knows whether it had the record's row, or what
        the log said when that row was damaged."""
        found = set[str]()
        for primary in wanted.projections:
            if isinstance(primary, Primary) and (tallies := self.catalog.tallies_of(primary)):
                place = writer.layout.name(primary.table.name)
                before = read_rows(self.connection, place, streams)
                after = refolding.rows_of(primary)
                found.update(
                    tally.name
                    for tally in tallies
                    for id_ in before.keys() | after.keys()
                    if is_counted_otherwise(tally, before.get(id_), after.get(id_))
                )
        return found


def mendable(catalog: Catalog) -> list[str]:
    """The projections that have rows of single records."""
    return [each.name for each in catalog.projections if not isinstance(each, Tally)]


def _must_be_by_record(projections: Sequence[Projection]) -> None:
    for projection in projections:
        if isinstance(projection, Tally):
            raise NotByRecord(f"{projection.name} has no rows of single records; rebuild it whole.")
