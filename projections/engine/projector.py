"""The one projector: reads the log by position and writes what every projection makes of it.

Everything moves in one transaction with one checkpoint, so the tables are always a consistent
cut of the log.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from projections.engine.applying import Applier, Upcoming
from projections.engine.blocks import Columns
from projections.engine.catalog import Catalog
from projections.engine.checkpoint import Held, Lease, LostLease
from projections.engine.layout import read_layout
from projections.engine.log import Connection, LogEnd, log_end
from projections.engine.memory import Memory
from projections.engine.parking import LETTERS
from projections.engine.rewinding import rewind
from projections.engine.sending import Sender
from projections.engine.versions import OtherRelease, must_be_shown
from projections.engine.writing import Writer
from write_model.kernel.messages import Recorded

BATCH_EVENTS = 500
"""Larger ones are slower (2,000 carry a sixth fewer events with all tables, measured): they do
not fit into the processor's cache. And readers would see their rows later."""

_OWN_HEADERS = ("epoch",)
"""That of a batch's last event moves with the checkpoint."""

_TOLD_HEADERS = ("command", "correlation", "causation", "recorded_at")
Shown = Callable[[Sequence[Recorded]], None]

CACHED_ROWS = 50_000
"""About 3 KB each."""


@dataclass(slots=True)
class Projector:
    """One candidate; `step` does nothing while another holds the lease."""

    connection: Connection
    catalog: Catalog
    lease: Lease
    batch_events: int = BATCH_EVENTS
    cached_rows: int = CACHED_ROWS
    is_alone: bool = False
    """Whether the catalog must be all that is shown: what it lacks would miss events."""
    on_shown: Shown | None = None
    """Told of every batch once it is shown."""
    _held: Held | None = None
    _ahead: Upcoming | None = None
    _applier: Applier = field(init=False)

    def __post_init__(self) -> None:
        told = _TOLD_HEADERS if self.on_shown else ()
        tables = {table.name: table for table in (*self.catalog.tables(), LETTERS)}
        self._applier = Applier(
            Sender(self.connection),
            Writer(self.connection, tables),
            self.catalog,
            self.lease,
            Memory(self.connection, self.catalog, self.cached_rows),
            Columns({*self.catalog.headers(), *_OWN_HEADERS, *told}),
        )

    @property
    def position(self) -> int | None:
        """How far we have applied the log; None while we do not hold the lease."""
        return None if self._held is None else self._held.position

    def step(self) -> int:
        """Apply the next batch; how many events it held. Nothing is under way afterwards.

        Raises: HoleInLog, UnknownTopic, OtherRelease when other versions are shown than those
        of the catalog, psycopg.Error when the database cannot go on.
        """
        held = self._held or self._take_over()
        if held is None or held.paused:
            self._held = None
            return 0
        upcoming = self._ahead or self._applier.upcoming(held.position, self.batch_events)
        if upcoming.events:
            self._apply(held, upcoming)
        return len(upcoming.events)

    def keep(self) -> None:
        """Renew the lease while there is nothing to do, and notice a pause or a restored log."""
        self._held = None if self._held is None else self._take_over(known=self._held)

    def close(self) -> None:
        """Stop being the projector, so that another starts at once."""
        self.lease.release(self.connection)
        self._held = None

    def _apply(self, held: Held, upcoming: Upcoming) -> None:
        self._held = self._ahead = None  # whatever happens now, nothing is believed of it
        with contextlib.suppress(LostLease):
            self._ahead = self._applier.apply(upcoming, self.batch_events)
            self._held = replace(held, position=upcoming.events[-1].position)
            if self.on_shown:
                self.on_shown(upcoming.events)

    def _take_over(self, known: Held | None = None) -> Held | None:
        self._ahead = None
        held = self.lease.acquire(self.connection)
        if held is None:
            return None
        if held.layout != self._applier.writer.layout.number:
            self._move_to_present_tables()
        elif known is None or held.position != known.position:
            self._applier.memory.begin_again()
        self._held = None
        with contextlib.suppress(LostLease):
            self._held = held if held.paused else self._on_this_branch(held)
        return self._held

    def _move_to_present_tables(self) -> None:
        # Before it is looked which release is shown: one that takes over later changes it again.
        layout = read_layout(self.connection)
        try:
            must_be_shown(self.connection, self.catalog, whole=self.is_alone)
        except OtherRelease:
            self.close()
            raise
        writer, memory = self._applier.writer, self._applier.memory
        writer.move_to(layout)
        memory.layout = writer.layout
        memory.begin_again()

    def _on_this_branch(self, held: Held) -> Held:
        end = log_end(self.connection, known=held.epoch)
        to = min(end.kept, held.position)
        if (to, end.epoch) == (held.position, held.epoch):
            return held
        self._rewind(since=held.position, to=to, end=end)
        return Held(to, end.epoch, held.paused, held.layout)

    def _rewind(self, *, since: int, to: int, end: LogEnd) -> None:
        applier = self._applier
        rewind(
            applier.sender, applier.writer, self.catalog, self.lease, since=since, to=to, end=end
        )
        applier.memory.begin_again()
