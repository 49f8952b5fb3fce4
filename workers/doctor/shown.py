"""What is shown: by this release, on the log's branch, abreast of it, and with nothing parked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString

from projections.catalog import CATALOG
from projections.engine.checkpoint import Lag, lag
from projections.engine.versions import OtherRelease, must_be_shown
from workers.connecting import Connection
from workers.doctor.finding import Finding

_LATE_S = 10.0
_BRANCH: LiteralString = (
    "SELECT c.epoch, (SELECT max(e.epoch) FROM log.epochs e) FROM projections.checkpoint c"
    " WHERE c.name = 'all'"
)


def look_at_what_is_shown(connection: Connection) -> Iterator[Finding]:
    found = lag(connection)
    yield _versions(connection)
    yield _branch(connection)
    yield _projector(found)
    yield _parked(found)


def _versions(connection: Connection) -> Finding:
    try:
        must_be_shown(connection, CATALOG)
    except OtherRelease as error:
        advice = "Run the release that shows it, or `tallystick projections rebuild --all`."
        return Finding("projections", str(error), advice)
    return Finding("projections", f"{len(CATALOG.projections)}, all of this release")


def _branch(connection: Connection) -> Finding:
    [[shown, newest]] = connection.execute(_BRANCH).fetchall()
    about, found = "shown branch", f"epoch {shown} of {newest}"
    if shown == newest:
        return Finding(about, found)
    return Finding(about, found, "Let a projector of the release that ran before follow the log.")


def _projector(found: Lag) -> Finding:
    waiting_s = found.waiting_for.total_seconds()
    told = f"{found.behind} events behind, {waiting_s:.1f} s"
    if found.paused:
        return Finding("projector", f"paused, {told}", "Run `tallystick projections resume`.")
    if found.holder is None:
        return Finding("projector", f"none is running, {told}", "Start one: `tallystick up`.")
    if waiting_s > _LATE_S:
        advice = "See its log, and `tallystick projections status` for whether it moves."
        return Finding("projector", told, advice)
    return Finding("projector", told)


def _parked(found: Lag) -> Finding:
    if not found.parked:
        return Finding("dead letters", "none")
    advice = "Run `tallystick dead-letters list`; mend what it names, then retry."
    return Finding("dead letters", f"{found.parked} records are parked", advice)
