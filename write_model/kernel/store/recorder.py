"""The library's recorder interfaces over our log, for one tenant: the system's unless said.

Commands do not come this way (they take the door, which awaits the same group commit); this is what
lets the library's own test suites, followers and tools run on the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from threading import Thread
from typing import Any, LiteralString
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    DataError,
    IntegrityError,
    Notification,
    OperationalError,
    StoredEvent,
)
from psycopg import Connection
from psycopg_pool import ConnectionPool

from write_model.kernel.errors import Conflict, DomainError, HoleInLog, Invalid
from write_model.kernel.ids import new_id
from write_model.kernel.settings import Settings
from write_model.kernel.store.group_commit import GroupCommit
from write_model.kernel.store.recorded_event import Append, Appended, RecordedEvent, Verdict
from write_model.kernel.store.subscription import LogSubscription

_STREAM: LiteralString = (
    "SELECT originator_id, originator_version, topic, state FROM log.events"
    " WHERE originator_id = %s AND originator_version > %s AND originator_version <= %s"
)
_NOTIFICATIONS: LiteralString = (
    "SELECT originator_id, originator_version, topic, state, notification_id FROM log.events"
    " WHERE notification_id >= %s AND notification_id <= %s"
)
_LAST = 2**63 - 1


class BackgroundLog:
    """A group commit on an event loop of its own, for callers that have none."""

    def __init__(self, conninfo: str, settings: Settings) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="group-commit", daemon=True)
        self._thread.start()
        self._log: GroupCommit = self._run(self._opened(conninfo, settings))

    async def _opened(self, conninfo: str, settings: Settings) -> GroupCommit:
        return GroupCommit(conninfo, settings)

    def append(self, command: Append) -> Verdict:
        return asyncio.run_coroutine_threadsafe(self._log.append(command), self._loop).result()

    async def aappend(self, command: Append) -> Verdict:
        return await asyncio.wrap_future(
            asyncio.run_coroutine_threadsafe(self._log.append(command), self._loop)
        )

    def close(self) -> None:
        self._run(self._log.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class LogRecorder(ApplicationRecorder):
    """Appends by group commit and reads back; `readers` connect as a role that sees the log."""

    def __init__(self, log: BackgroundLog, readers: ConnectionPool[Connection[Any]]) -> None:
        ApplicationRecorder.__init__(self)
        self._log, self._readers = log, readers

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """Append the events as one command; their positions in the log.

        Raises: IntegrityError for a version that is taken or has no predecessor; DataError;
        OperationalError when the log is overloaded or cannot be reached in time.
        """
        if not stored_events:
            return []
        try:
            return positions(self._log.append(as_command(stored_events)))
        except DomainError as error:
            raise in_the_librarys_words(error) from error

    async def ainsert_events(self, stored_events: Sequence[StoredEvent]) -> Sequence[int]:
        """The same, awaited."""
        try:
            return positions(await self._log.aappend(as_command(stored_events)))
        except DomainError as error:
            raise in_the_librarys_words(error) from error

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The events of one stream in the order of their versions."""
        return select_stream(
            self._readers, _STREAM, originator_id, gt=gt, lte=lte, desc=desc, limit=limit
        )

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """The events of all streams in the order of the log.

        Raises: HoleInLog when a position is missing.
        """
        first = (start or 0) + (not inclusive_of_start)
        query = _NOTIFICATIONS + (" AND topic = ANY(%s)" if topics else "")
        query += " ORDER BY notification_id LIMIT %s"
        parameters = (first, stop or _LAST, *([list(topics)] if topics else []), limit)
        with self._readers.connection() as connection:
            rows = connection.execute(query, parameters, binary=True).fetchall()
        found = [Notification(*row) for row in rows]
        if not topics:
            _must_be_dense(found, max(first, 1))
        return found

    def max_notification_id(self) -> int | None:
        """The last position; None while the log is empty."""
        with self._readers.connection() as connection:
            row = connection.execute(
                "SELECT notification_id FROM log.events ORDER BY notification_id DESC LIMIT 1"
            ).fetchone()
        return row[0] if row else None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> LogSubscription:
        """An iterator over the log from a position on, which waits at its end."""
        return LogSubscription(self, gt=gt, topics=topics)


def select_stream(
    readers: ConnectionPool[Connection[Any]],
    query: LiteralString,
    originator_id: UUID | str,
    *,
    gt: int | None,
    lte: int | None,
    desc: bool,
    limit: int | None,
) -> list[StoredEvent]:
    """The rows of one stream within bounds, by the library's rules."""
    query += " ORDER BY originator_version" + (" DESC" if desc else "") + " LIMIT %s"
    parameters = (
        originator_id,
        -1 if gt is None else gt,
        _LAST if lte is None else lte,
        limit,
    )
    with readers.connection() as connection:
        return [StoredEvent(*row) for row in connection.execute(query, parameters, binary=True)]


def as_command(stored_events: Sequence[StoredEvent]) -> Append:
    """The events as one new command of the system."""
    command = new_id()
    return Append(tuple(_with_headers(event, command) for event in stored_events))


def _with_headers(event: StoredEvent, command: UUID) -> RecordedEvent:
    if isinstance(event, RecordedEvent):
        return event
    return RecordedEvent(
        event.originator_id,
        event.originator_version,
        event.topic,
        event.state,
        command=command,
        correlation=command,
    )


def positions(verdict: Verdict) -> Sequence[int]:
    """Where the rows stand; events without keys are appended or refused, never replayed."""
    assert isinstance(verdict, Appended)
    return list(verdict.positions)


def in_the_librarys_words(error: DomainError) -> Exception:
    """The error that the library's callers expect."""
    if isinstance(error, Conflict):
        return IntegrityError(str(error))
    if isinstance(error, Invalid):
        return DataError(str(error))
    return OperationalError(str(error))


def _must_be_dense(found: list[Notification], first: int) -> None:
    for position, notification in enumerate(found, first):
        if notification.id != position:
            raise HoleInLog(position)
