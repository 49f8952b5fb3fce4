"""Repairs that were asked for over the API, whose role writes no rows: the projector does them."""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID

import structlog

from projections.engine.alone import AlreadyRebuilding
from projections.engine.catalog import Catalog
from projections.engine.log import Connection
from projections.engine.parking import reason_for
from projections.engine.repairing import NotParked, Repair
from projections.engine.versions import OtherRelease
from write_model.kernel.errors import LogRestored

log = structlog.get_logger(__name__)

_TRIES = 3

# Locked: another wish for the record that came in between would be taken for done, and lost.
_NEXT: LiteralString = (
    "SELECT stream_id, version, asked_by, reason FROM projections.repairs"
    " ORDER BY tries, asked_at, stream_id LIMIT 1 FOR UPDATE"
)
_DONE: LiteralString = "DELETE FROM projections.repairs WHERE stream_id = %s"
_FAILED: LiteralString = (
    "UPDATE projections.repairs SET tries = tries + 1, error = %s WHERE stream_id = %s"
    " RETURNING tries"
)
_SAY_WHY: LiteralString = (
    "UPDATE projections.dead_letters SET reason = %s WHERE (stream_id, position) ="
    " (SELECT stream_id, min(position) FROM projections.dead_letters WHERE stream_id = %s"
    " GROUP BY stream_id)"
)

Asked = tuple[UUID, int | None, UUID, str]
"""The record, the version of an event that is to be left out, by whom, and why."""


def repair_next(connection: Connection, catalog: Catalog) -> bool:
    """Try what was asked for first.

    False when there is nothing, a rebuild is under way, or another release's tables are shown.

    What fails is tried again after the others. After three times it is asked for no more, and its
    dead letter says why: else it would stand in the way of everything that is projected.
    Raises: LogRestored, or psycopg.Error of a lost connection; then it is asked for still.
    """
    try:
        with connection.transaction():
            asked = connection.execute(_NEXT).fetchone()
            if asked is not None:
                _try(connection, catalog, asked)
    except (AlreadyRebuilding, OtherRelease):
        return False
    return asked is not None


def _try(connection: Connection, catalog: Catalog, asked: Asked) -> None:
    try:
        with connection.transaction():
            _do(Repair(connection, catalog), *asked)
            connection.execute(_DONE, asked[:1])
    except (AlreadyRebuilding, OtherRelease, LogRestored):
        raise
    except Exception as error:  # whatever it is, the log has to go on
        if connection.closed:
            raise
        _note(connection, asked, error)


def _note(connection: Connection, asked: Asked, error: Exception) -> None:
    stream, reason = asked[0], reason_for(error)
    [[tries]] = connection.execute(_FAILED, (reason, stream)).fetchall()
    if tries >= _TRIES:
        connection.execute(_DONE, (stream,))
        why = f"To bring it in failed {_TRIES} times ({reason})."
        connection.execute(_SAY_WHY, (why, stream))
    log.error("projections.repair_failed", stream=str(stream), tries=tries, reason=reason)


def _do(repair: Repair, stream: UUID, version: int | None, by: UUID, why: str) -> None:
    asked = {"stream": str(stream), "skipped": version, "by": str(by)}
    try:
        if version is None:
            done = repair.retry(stream)
        else:
            done = repair.skip(stream, version, by=by, why=why)
    except NotParked as error:  # Somebody else was quicker.
        log.info("projections.nothing_to_repair", **asked, reason=str(error))
    else:
        log.info("projections.repaired", **asked, applied=done.applied, parked=done.parked)
