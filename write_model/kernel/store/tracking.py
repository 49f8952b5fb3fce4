"""Followers that record where they stand in the same transaction as what they write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eventsourcing.persistence import (
    DataError,
    IntegrityError,
    OperationalError,
    ProcessRecorder,
    StoredEvent,
    Tracking,
    TrackingRecorder,
)
from psycopg import Connection, errors, pq
from psycopg_pool import ConnectionPool

from write_model.kernel.errors import DomainError
from write_model.kernel.store import append_call
from write_model.kernel.store.call import StatementFailed, checked
from write_model.kernel.store.recorder import (
    BackgroundLog,
    LogRecorder,
    as_command,
    in_the_librarys_words,
    positions,
)

_TRACK = (
    "INSERT INTO log.tracking (application_name, notification_id)"
    " SELECT %s, %s WHERE NOT EXISTS (SELECT FROM log.tracking"
    " WHERE application_name = %s AND notification_id >= %s)"
)


class LogTrackingRecorder(TrackingRecorder):
    """Where followers stand: positions only ever rise."""

    def __init__(self, writers: ConnectionPool[Connection[Any]]) -> None:
        TrackingRecorder.__init__(self)
        self._writers = writers

    def insert_tracking(self, tracking: Tracking) -> None:
        """Raises: IntegrityError when the follower stood there or further already."""
        with self._writers.connection() as connection, connection.transaction():
            _track(connection, tracking)

    def max_tracking_id(self, application_name: str) -> int | None:
        """The last position that the follower has processed; None before the first."""
        with self._writers.connection() as connection:
            row = connection.execute(
                "SELECT max(notification_id) FROM log.tracking WHERE application_name = %s",
                (application_name,),
            ).fetchone()
        return row[0] if row else None


class LogProcessRecorder(LogTrackingRecorder, LogRecorder, ProcessRecorder):
    """Appends what a follower decides together with where it stands: exactly once."""

    def __init__(
        self,
        log: BackgroundLog,
        readers: ConnectionPool[Connection[Any]],
        writers: ConnectionPool[Connection[Any]],
    ) -> None:
        LogTrackingRecorder.__init__(self, writers)
        LogRecorder.__init__(self, log, readers)

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """As the log's; with `tracking=` in one transaction with it."""
        tracking: Tracking | None = kwargs.get("tracking")
        if tracking is None:
            return super().insert_events(stored_events)
        with self._writers.connection() as connection, connection.transaction():
            _track(connection, tracking)
            return _append(connection, stored_events) if stored_events else []


def _track(connection: Connection[Any], tracking: Tracking) -> None:
    name, position = tracking.application_name, tracking.notification_id
    try:
        made = connection.execute(_TRACK, (name, position, name, position)).rowcount
    except errors.UniqueViolation as error:
        raise IntegrityError(str(error)) from error
    if not made:
        raise IntegrityError(f"{name} has passed position {position} already.")


def _append(connection: Connection[Any], stored_events: Sequence[StoredEvent]) -> Sequence[int]:
    command = as_command(stored_events)
    result = connection.pgconn.exec_params(
        append_call.STATEMENT,
        append_call.parameters([command]),
        append_call.TYPES,
        [pq.Format.BINARY] * len(append_call.TYPES),
        pq.Format.BINARY,
    )
    try:
        (verdict,) = append_call.verdicts([command], checked(result))
    except StatementFailed as error:
        kind = DataError if error.sqlstate.startswith("22") else OperationalError
        raise kind(str(error)) from error
    if isinstance(verdict, DomainError):
        raise in_the_librarys_words(verdict)
    return positions(verdict)
