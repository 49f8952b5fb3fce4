"""Rebuilds as they are asked for and written down, so that everybody can see how far they are."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

import psycopg

from projections.engine.alone import AlreadyRebuilding, alone
from projections.engine.choosing import EVERYTHING, Choice
from projections.engine.log import Connection
from projections.engine.mending import NotByRecord
from projections.engine.parking import reason_for
from projections.engine.progress import Phase, Progress, Stopped, Told
from projections.engine.rebuilding import RowsRefused
from projections.engine.versions import OtherRelease
from write_model.kernel.errors import DomainError

_TOLD_EVERY_S = 1.0
_TRIES = 3

_NEXT: LiteralString = (
    "SELECT id, names, tenant_id, stream_id, kind, since, tries FROM projections.rebuilds"
    " WHERE requested_by IS NOT NULL AND state IN ('waiting', 'running')"
    " ORDER BY requested_at LIMIT 1"
)
_BEGIN: LiteralString = (
    "INSERT INTO projections.rebuilds (id, names, tenant_id, stream_id, kind, since, state, tries,"
    " started_at) VALUES (%s, %s, %s, %s, %s, %s, 'running', 1, clock_timestamp())"
    " ON CONFLICT (id) DO UPDATE SET state = 'running', tries = rebuilds.tries + 1,"
    " started_at = clock_timestamp()"
)
_TELL: LiteralString = (
    "UPDATE projections.rebuilds SET phase = %s, done = %s, total = %s,"
    " told_at = clock_timestamp() WHERE id = %s"
)
_END: LiteralString = (
    "UPDATE projections.rebuilds SET state = %s, error = %s, ended_at = clock_timestamp()"
    " WHERE id = %s"
)
# It may have ended well since it was read, in another process.
_GIVE_UP: LiteralString = (
    "UPDATE projections.rebuilds SET state = 'failed', ended_at = clock_timestamp(),"
    " error = 'Its process ended three times before it did.'"
    " WHERE id = %s AND state IN ('waiting', 'running')"
)
_STOP: LiteralString = (
    "UPDATE projections.rebuilds SET state = 'waiting', tries = tries - 1, ended_at = NULL,"
    " error = NULL WHERE id = %s AND requested_by IS NOT NULL"
)
# Whoever holds the lock of those who rebuild knows that nobody else does.
_SETTLE: LiteralString = (
    "UPDATE projections.rebuilds SET state = 'failed', ended_at = clock_timestamp(),"
    " error = 'Its process ended before it did; ask for it again.'"
    " WHERE state = 'running' AND id <> %s AND requested_by IS NULL"
)
_FORGET: LiteralString = (
    "DELETE FROM projections.rebuilds WHERE ended_at < clock_timestamp() - interval '30 days'"
)


@dataclass(frozen=True, slots=True)
class Request:
    """`choice`: of whose rows; everything is whole tables."""

    id: UUID
    names: Sequence[str]
    choice: Choice = EVERYTHING


def next_request(connection: Connection) -> Request | None:
    """The oldest that waits, or whose process has ended before it did.

    Raises: AlreadyRebuilding.
    """
    row = connection.execute(_NEXT).fetchone()
    if row is None:
        return None
    id_, names, tenant, stream, kind, since, tries = row
    if tries >= _TRIES:
        with alone(connection):
            connection.execute(_GIVE_UP, (id_,))
        return None
    return Request(id_, names, Choice(tenant, stream, kind, since))


@contextlib.contextmanager
def written_down(connection: Connection, request: Request, told: Told) -> Generator[Told]:
    """What is told to the one that this gives is written, too, at most once a second.

    `connection`: another than the rebuild's, which may be busy.
    """
    noted = _Noted(connection, request, told)
    try:
        yield noted.tell
    except AlreadyRebuilding:
        raise
    except Stopped:
        noted.stop()
        raise
    except BaseException as error:
        with contextlib.suppress(psycopg.Error):
            noted.end("failed", _why(error))
        raise
    noted.end("done", None)


@dataclass(slots=True)
class _Noted:
    """Begins with what is told first: then the rebuild has the lock, and is the only one."""

    connection: Connection
    request: Request
    told: Told
    _phase: Phase | None = None
    _written_s: float = 0.0

    def tell(self, progress: Progress) -> None:
        if self._phase is None:
            self.connection.execute(_SETTLE, (self.request.id,))
            self.connection.execute(_FORGET)
            self._begin()
        now_s = time.monotonic()
        if progress.phase is not self._phase or now_s - self._written_s > _TOLD_EVERY_S:
            self._phase, self._written_s = progress.phase, now_s
            told = progress.phase, progress.done, progress.total, self.request.id
            self.connection.execute(_TELL, told)
        self.told(progress)

    def end(self, state: str, error: str | None) -> None:
        if self._phase is None:
            self._begin()
        self.connection.execute(_END, (state, error, self.request.id))

    def stop(self) -> None:
        """One that was asked for over the API goes on with the next process."""
        self.end("failed", "It was stopped.")
        self.connection.execute(_STOP, (self.request.id,))

    def _begin(self) -> None:
        request, choice = self.request, self.request.choice
        chosen = choice.tenant, choice.stream, choice.kind, choice.since
        self.connection.execute(_BEGIN, (request.id, list(request.names), *chosen))


def _why(error: BaseException) -> str:
    match error:
        case DomainError() | NotByRecord() | OtherRelease() | RowsRefused():
            return str(error)
        case Exception():
            return reason_for(error)
        case _:
            return "It was stopped."
