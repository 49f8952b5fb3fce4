"""The one projector: reads the log by position and writes what every projection makes of it.

Everything moves in one transaction with one checkpoint, so the tables are always a consistent
cut of the log. A batch that fails is halved until the one event that cannot be applied is found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
import structlog

from projections.engine.catalog import Catalog
from projections.engine.checkpoint import Held, Lease, LostLease
from projections.engine.folding import Batch, CannotFold
from projections.engine.log import Connection, log_end, read_log
from projections.engine.parking import BEHIND_ANOTHER, LETTERS, letters, parked_streams
from projections.engine.projection import Row, Values
from projections.engine.rewinding import rewind
from projections.engine.writing import Writer, read_rows
from write_model.kernel.messages import Recorded
from write_model.kernel.recent import Recent

log = structlog.get_logger(__name__)

BATCH_EVENTS = 2_000
"""Beyond it the throughput rises no more (measured), and readers would see their rows later."""

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
    _held: Held | None = None
    _rows: Recent[int, Row] = field(init=False)
    _writer: Writer = field(init=False)
    _parked: frozenset[UUID] = frozenset()

    def __post_init__(self) -> None:
        self._rows = Recent(self.cached_rows)
        tables = {table.name: table for table in (*self.catalog.tables(), LETTERS)}
        self._writer = Writer(self.connection, tables)

    @property
    def position(self) -> int | None:
        """How far we have applied the log; None while we do not hold the lease."""
        return None if self._held is None else self._held.position

    def step(self) -> int:
        """Apply the next batch; how many events it held.

        Raises: HoleInLog, UnknownTopic, psycopg.Error when the database cannot go on.
        """
        held = self._held or self._take_over()
        if held is None or held.paused:
            self._held = None
            return 0
        events = read_log(self.connection, held.position, self.batch_events)
        try:
            self._apply(events)
        except LostLease:
            self._held = None
        return len(events)

    def keep(self) -> None:
        """Renew the lease while there is nothing to do, and notice a pause or a restored log."""
        self._held = None if self._held is None else self._take_over(known=self._held)

    def close(self) -> None:
        """Stop being the projector, so that another starts at once."""
        self.lease.release(self.connection)
        self._held = None

    def _take_over(self, known: Held | None = None) -> Held | None:
        held = self.lease.acquire(self.connection)
        if held is None:
            return None
        if known is None or held.position != known.position:
            self._rows.clear()
            self._parked = parked_streams(self.connection)
        self._held = held if held.paused else self._on_this_branch(held)
        return self._held

    def _on_this_branch(self, held: Held) -> Held:
        end = log_end(self.connection)
        kept = end.position if end.epoch == held.epoch else min(end.position, end.branched_at - 1)
        if kept >= held.position and end.epoch == held.epoch:
            return held
        to = min(kept, held.position)
        rewind(self._writer, self.catalog, self.lease, since=held.position, to=to, end=end)
        self._rows.clear()
        self._parked = parked_streams(self.connection)
        return Held(to, end.epoch, held.paused)

    def _apply(self, events: Sequence[Recorded]) -> None:
        if not events:
            return
        try:
            self._write(events)
        except (psycopg.OperationalError, psycopg.InterfaceError, LostLease):
            raise
        except Exception as error:  # noqa: BLE001  # a fold or a table may refuse in any way
            self._isolate(events, error)

    def _isolate(self, events: Sequence[Recorded], error: Exception) -> None:
        middle = len(events) // 2
        if not middle:
            self._park(events[0], error)
            return
        self._apply(events[:middle])
        self._apply(events[middle:])

    def _write(self, events: Sequence[Recorded]) -> None:
        batch = Batch(self.catalog, self._known(events), self._parked)
        batch.fold(events)
        tables = batch.tables()
        if self._parked:
            behind = [recorded for recorded in events if recorded.stream in self._parked]
            tables[LETTERS.name] = letters(behind, reason=BEHIND_ANOTHER)
        self._move(events, batch, tables)

    def _park(self, recorded: Recorded, error: Exception) -> None:
        batch = Batch(self.catalog, {}, {recorded.stream})
        batch.fold([recorded])
        reason = _reason(error)
        parked = letters([recorded], reason=reason)
        self._move([recorded], batch, {**batch.tables(), LETTERS.name: parked})
        self._parked |= {recorded.stream}
        self._rows.forget(recorded.stream.int)
        log.error(
            "projector.parked",
            type=recorded.topic,
            tenant_position=recorded.tenant_position,
            reason=reason,
        )

    def _move(
        self, events: Sequence[Recorded], batch: Batch, tables: Mapping[str, Sequence[Values]]
    ) -> None:
        first, last = events[0], events[-1]
        since, to = first.position - 1, last.position
        written = {name: rows for name, rows in tables.items() if rows}
        self._writer.write(self.lease.move(since=since, to=to, epoch=last.epoch), written)
        self._held = Held(last.position, last.epoch, paused=False)
        for stream, row in batch.rows.items():
            self._rows.remember(stream, row)

    def _known(self, events: Sequence[Recorded]) -> Mapping[int, Row]:
        known: dict[int, Row] = {}
        missing: dict[str, set[UUID]] = {}
        for recorded in events:
            primary = self.catalog.hearers(recorded.topic).primary
            stream = recorded.stream.int
            if primary is None or stream in known:
                continue
            if (row := self._rows.get(stream)) is not None:
                known[stream] = row
            elif recorded.number is None:  # a stream's first event has no row before it
                missing.setdefault(primary.table.name, set()).add(recorded.stream)
        for name, streams in missing.items():
            known |= read_rows(self.connection, self.catalog.table(name), streams)
        return known


def _reason(error: Exception) -> str:
    """What went wrong, never what the event said: that may be personal."""
    match error:
        case CannotFold():
            return str(error)
        case psycopg.Error():
            return f"{type(error).__name__}: {error.diag.message_primary}"
        case _:
            return type(error).__name__
