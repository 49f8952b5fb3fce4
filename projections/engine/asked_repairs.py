"""Repairs that were asked for over the API, whose role writes no rows: the projector does them."""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID

import structlog

from projections.engine.alone import AlreadyRebuilding
from projections.engine.catalog import Catalog
from projections.engine.log import Connection
from projections.engine.repairing import NotParked, Repair
from projections.engine.versions import OtherRelease

log = structlog.get_logger(__name__)

_TAKE: LiteralString = (
    "DELETE FROM projections.repairs WHERE stream_id ="
    " (SELECT stream_id FROM projections.repairs ORDER BY asked_at, stream_id LIMIT 1)"
    " RETURNING stream_id, version, asked_by, reason"
)


def repair_next(connection: Connection, catalog: Catalog) -> bool:
    """Do what was asked for first.

    False when there is nothing, a rebuild is under way, or another release's tables are shown.

    Raises: LogRestored, UnknownTopic, psycopg.Error; then it is asked for still.
    """
    try:
        with connection.transaction():
            asked = connection.execute(_TAKE).fetchone()
            if asked:
                _do(Repair(connection, catalog), *asked)
            return asked is not None
    except (AlreadyRebuilding, OtherRelease):
        return False


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
