"""Parked records brought in again: once what refused them is mended, or without that event.

One transaction holds the checkpoint, so the projector waits for it; the layout's new number makes
it forget what it knew, and readers see all rows of the record change at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from projections.engine.alone import alone_briefly
from projections.engine.catalog import Catalog
from projections.engine.checkpoint import hold_still, raise_layout
from projections.engine.late import Late
from projections.engine.log import Connection, log_end, read_streams
from projections.engine.parking import reason_for
from projections.engine.versions import must_be_shown

_FIRST: LiteralString = (
    "SELECT position, version FROM projections.dead_letters WHERE stream_id = %s"
    " ORDER BY position LIMIT 1"
)
_FREE: LiteralString = "DELETE FROM projections.dead_letters WHERE stream_id = %s"
_SKIP: LiteralString = (
    "INSERT INTO projections.skipped (position, stream_id, tenant_id, skipped_by, reason)"
    " SELECT position, stream_id, tenant_id, %s, %s FROM projections.dead_letters"
    " WHERE stream_id = %s AND position = %s"
)


class NotParked(Exception):
    """There is nothing of this record to bring in, or another event than was meant."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """`applied`: how many of the parked events, one that was to be left out included.

    `parked`: how many wait still. `reason`: of the first of these; None when there is none.
    """

    applied: int
    parked: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Repair:
    """Works on a connection of the tailer, beside a running projector or without one.

    Both raise: NotParked; AlreadyRebuilding; OtherRelease; LogRestored while the projector has not
    followed a restored log; UnknownTopic; psycopg.Error.
    """

    connection: Connection
    catalog: Catalog

    def retry(self, stream: UUID) -> Repaired:
        """Apply the record's parked events in order, as far as they can be now."""
        with self.connection.transaction():
            reached = self._hold()
            first, _ = self._first(stream)
            return self._bring_in(stream, first, reached)

    def skip(self, stream: UUID, version: int, *, by: UUID | None, why: str) -> Repaired:
        """Leave the first of the record's parked events out for good, and retry the others.

        `version`: of that event, so that what is asked twice leaves out no other. `by`: None for
        whoever sits at the installation's terminal.
        """
        with self.connection.transaction():
            reached = self._hold()
            first, found = self._first(stream)
            if found != version:
                raise NotParked(
                    f"The first event of this record that is parked has version {found}, not"
                    f" {version}; look at the list again."
                )
            self.connection.execute(_SKIP, (by, why, stream, first))
            return self._bring_in(stream, first, reached)

    def _hold(self) -> int:
        """How far the projector is; it waits from here on."""
        # What a rebuild has folded already would lack the record for good.
        alone_briefly(self.connection)
        must_be_shown(self.connection, self.catalog, whole=True)
        return hold_still(self.connection, epoch=log_end(self.connection).epoch)

    def _first(self, stream: UUID) -> tuple[int, int]:
        """Position and version of the first event that is parked."""
        row = self.connection.execute(_FIRST, (stream,)).fetchone()
        if row is None:
            raise NotParked("No event of this record is parked; look at the list again.")
        return row[0], row[1]

    def _bring_in(self, stream: UUID, first: int, reached: int) -> Repaired:
        late = Late.on(self.connection, self.catalog)
        events = read_streams(self.connection, [stream], reached)
        shown = sum(recorded.position < first for recorded in events)
        self.connection.execute(_FREE, (stream,))
        applied = late.apply(events[shown:], on=events[:shown])
        left = events[shown + applied.events :]
        if applied.error:
            late.park(left, applied.error)
        raise_layout(self.connection)
        reason = reason_for(applied.error) if applied.error else None
        return Repaired(applied.events, len(left), reason)
