"""Batches of events applied: folded, packed and written, while the server is kept busy.

While one batch is written and the one after the next is read, the next is folded and packed: both
sides work all the time. What was made ready so is believed only if the batch before it was written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

import structlog

from projections.engine.blocks import Block, Columns
from projections.engine.catalog import Catalog
from projections.engine.checkpoint import Lease, LostLease
from projections.engine.folding import Batch
from projections.engine.log import Rows, after, recorded_after
from projections.engine.memory import Memory
from projections.engine.parking import BEHIND_ANOTHER, LETTERS, is_poison, letters, reason_for
from projections.engine.projection import Row, Values
from projections.engine.sending import Sender, Statement
from projections.engine.writing import Writer
from write_model.kernel.messages import Recorded

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch that only needs to be sent. `rows`: the documents as they are after it."""

    rows: Mapping[int, Row]
    statement: Statement


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The next batch, and what of the log behind it was read already."""

    events: Sequence[Recorded]
    prepared: Prepared | None = None
    behind: Rows | Block = field(default_factory=Rows)


@dataclass(frozen=True, slots=True)
class Applier:
    """Applies one batch after another under a lease that it does not take itself.

    `columns`: with which headers the log is read ahead, while there is much of it.
    """

    sender: Sender
    writer: Writer
    catalog: Catalog
    lease: Lease
    memory: Memory
    columns: Columns

    def upcoming(self, position: int, limit: int) -> Upcoming:
        """What follows a position, with as much behind it. Raises: HoleInLog, UnknownTopic."""
        rows = self.sender.ask(after(position, 2 * limit))
        return Upcoming(recorded_after(position, rows[:limit]), behind=Rows(rows[limit:]))

    def apply(self, upcoming: Upcoming, limit: int) -> Upcoming | None:
        """Write a batch, or halve it until what cannot be applied is parked.

        Returns the batch after it when that is ready.
        Raises: LostLease; psycopg.Error for a trouble that is not the events', to be tried again.
        """
        try:
            return self._write(upcoming, limit)
        except LostLease:
            raise
        except Exception as error:  # a fold or a table may refuse in any way
            if not is_poison(error):
                raise
            self._isolate(upcoming.events, error)
            return None

    def _write(self, upcoming: Upcoming, limit: int) -> Upcoming | None:
        events, behind = upcoming.events, upcoming.behind
        prepared = upcoming.prepared or self._prepared(events, self.memory.rows_before(events))
        last = events[-1].position
        further = [self.columns.after(last + len(behind), limit)] if len(behind) >= limit else []
        with self.sender.sent(*further, prepared.statement) as answers:
            following = self._made_ready(last, behind, prepared.rows)
        self._settle(prepared, answers.rows(len(further)))
        if following is None or not further:
            return following
        return replace(following, behind=Block(self.columns, answers.rows()))

    def _made_ready(
        self, last: int, behind: Rows | Block, newer: Mapping[int, Row]
    ) -> Upcoming | None:
        """What follows position `last`, on top of `newer` rows that are being written."""
        if not len(behind):
            return None
        try:
            events = behind.after(last)
            known, missing = self.memory.remembered(events, newer)
            return Upcoming(events, None if missing else self._prepared(events, known))
        except Exception as error:  # noqa: BLE001  # whatever it is, the next step meets it and tells
            log.debug("projector.not_made_ready", reason=type(error).__name__)
            return None

    def _prepared(self, events: Sequence[Recorded], known: Mapping[int, Row]) -> Prepared:
        parked = self.memory.parked
        late = [recorded for recorded in events if recorded.stream in parked] if parked else []
        return self._folded(events, known, parked, letters(late, reason=BEHIND_ANOTHER))

    def _folded(
        self,
        events: Sequence[Recorded],
        known: Mapping[int, Row],
        parked: Mapping[UUID, int],
        set_aside: Sequence[Values],
    ) -> Prepared:
        batch = Batch(self.catalog, known, parked, self.memory.skipped)
        batch.fold(events)
        first, last = events[0], events[-1]
        move = self.lease.move(since=first.position - 1, to=last.position, epoch=last.epoch)
        tables = {**batch.tables(events), LETTERS.name: set_aside}
        return Prepared(batch.rows, self.writer.statement(move, tables))

    def _settle(self, prepared: Prepared, moved: Sequence[object]) -> None:
        if not moved:
            raise LostLease
        self.memory.remember(prepared.rows)

    def _isolate(self, events: Sequence[Recorded], error: Exception) -> None:
        # Again and with all headers: it may be that one was not read, and letters show some.
        before = events[0].position - 1
        events = recorded_after(before, self.sender.ask(after(before, len(events))))
        middle = len(events) // 2
        if not middle:
            self._park(events[0], error)
            return
        for half in (events[:middle], events[middle:]):
            self.apply(Upcoming(half), len(half))

    def _park(self, recorded: Recorded, error: Exception) -> None:
        reason = reason_for(error)
        parked = letters([recorded], reason=reason)
        since = {recorded.stream: recorded.position}
        prepared = self._folded([recorded], {}, since, parked)
        self._settle(prepared, self.sender.ask(prepared.statement))
        self.memory.park(recorded.stream, recorded.position)
        log.error(
            "projector.parked",
            type=recorded.topic,
            tenant_position=recorded.tenant_position,
            reason=reason,
        )
