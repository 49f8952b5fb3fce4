"""Snapshots of long streams, in a table of their own: they are a cache, never history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString
from uuid import UUID

from eventsourcing.persistence import AggregateRecorder, IntegrityError, StoredEvent
from psycopg import Connection, errors
from psycopg_pool import ConnectionPool

from write_model.kernel.store.recorder import select_stream

_INSERT = (
    "INSERT INTO log.snapshots (originator_id, originator_version, topic, state)"
    " VALUES (%s, %s, %s, %s)"
)
_SELECT: LiteralString = (
    "SELECT originator_id, originator_version, topic, state FROM log.snapshots"
    " WHERE originator_id = %s AND originator_version > %s AND originator_version <= %s"
)


class SnapshotRecorder(AggregateRecorder):
    """The library's aggregate recorder on `log.snapshots`, for the tenant of the connections."""

    def __init__(self, writers: ConnectionPool[Connection[Any]]) -> None:
        super().__init__()
        self._writers = writers

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """Raises: IntegrityError when a snapshot of that version is there; then none is kept."""
        rows = [(e.originator_id, e.originator_version, e.topic, e.state) for e in stored_events]
        try:
            with self._writers.connection() as connection, connection.transaction():
                connection.cursor().executemany(_INSERT, rows)
        except errors.UniqueViolation as error:
            raise IntegrityError(str(error)) from error
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The snapshots of one stream in the order of their versions."""
        return select_stream(
            self._writers, _SELECT, originator_id, gt=gt, lte=lte, desc=desc, limit=limit
        )
