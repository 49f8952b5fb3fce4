"""The log: positions without a hole, for all and for each organization, and its branches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString

from workers.connecting import Connection
from workers.doctor.finding import Finding

LATELY = 100_000
"""Events that are looked at unless all are: a third of a second (measured) of any log."""

_SINCE: LiteralString = (
    "SELECT greatest(coalesce(max(notification_id), 0) - %s, 0), coalesce(max(notification_id), 0)"
    " FROM log.events"
)
_HOLE: LiteralString = (
    "SELECT missing FROM ("
    " SELECT lag(notification_id, 1, %(since)s::bigint) OVER (ORDER BY notification_id) + 1,"
    " notification_id FROM log.events WHERE notification_id > %(since)s) AS each (missing, found)"
    " WHERE missing <> found ORDER BY missing LIMIT 1"
)
# The first that is looked at of an organization may have any position, unless all are.
_TENANT_HOLE: LiteralString = (
    "SELECT tenant_id, missing FROM ("
    " SELECT tenant_id, CASE WHEN %(since)s = 0"
    " THEN lag(tenant_position, 1, 0::bigint) OVER of_tenant"
    " ELSE lag(tenant_position) OVER of_tenant END + 1, tenant_position"
    " FROM log.events WHERE notification_id > %(since)s"
    " WINDOW of_tenant AS (PARTITION BY tenant_id ORDER BY notification_id))"
    " AS each (tenant_id, missing, found) WHERE missing <> found ORDER BY 1, 2 LIMIT 1"
)
_EPOCHS: LiteralString = (
    "SELECT max(epoch), count(*), max(epoch) = count(*) AND min(first_position) = 1"
    " AND bool_and(first_position >= before) AND max(first_position) <= %s + 1"
    " FROM (SELECT epoch, first_position,"
    "  lag(first_position, 1, 1::bigint) OVER (ORDER BY epoch) FROM log.epochs)"
    " AS each (epoch, first_position, before)"
)
_MISBRANCHED: LiteralString = (
    "SELECT e.notification_id FROM log.events e WHERE e.notification_id > %s AND e.epoch <>"
    " (SELECT max(b.epoch) FROM log.epochs b WHERE b.first_position <= e.notification_id)"
    " ORDER BY 1 LIMIT 1"
)
_RESTORE = (
    "Stop everything that writes; restore a backup that has it, or is older, and run"
    " `tallystick log restored`."
)


def look_at_log(connection: Connection, *, whole: bool = False) -> Iterator[Finding]:
    """Of a long log its last `LATELY` events, unless the `whole`."""
    since, head = _span(connection, whole=whole)
    yield _positions(connection, since, head)
    yield _tenant_positions(connection, since, head)
    yield _epochs(connection, since, head)


def _span(connection: Connection, *, whole: bool) -> tuple[int, int]:
    [[since, head]] = connection.execute(_SINCE, (LATELY,)).fetchall()
    return (0 if whole else since), head


def _positions(connection: Connection, since: int, head: int) -> Finding:
    hole = connection.execute(_HOLE, {"since": since}).fetchone()
    if hole is None:
        return Finding("log", f"dense from {since + 1} to {head}" if head else "empty")
    advice = f"Every reader stops there. {_RESTORE}"
    return Finding("log", f"position {hole[0]} is missing", advice)


def _tenant_positions(connection: Connection, since: int, head: int) -> Finding:
    hole = connection.execute(_TENANT_HOLE, {"since": since}).fetchone()
    if hole is None:
        return Finding("organizations' positions", f"dense in the log from {since + 1} to {head}")
    found = f"position {hole[1]} of organization {hole[0]} is missing"
    return Finding("organizations' positions", found, f"Its subscribers miss it. {_RESTORE}")


def _epochs(connection: Connection, since: int, head: int) -> Finding:
    [[newest, count, is_ordered]] = connection.execute(_EPOCHS, (head,)).fetchall()
    if not is_ordered:
        advice = "Restore log.epochs from a backup: one row a branch, numbered from 1, in order."
        return Finding("epochs", f"{count} branches out of order", advice)
    wrong = connection.execute(_MISBRANCHED, (since,)).fetchone()
    if wrong is None:
        return Finding("epochs", f"{newest}")
    advice = f"It was written before its branch was begun. {_RESTORE}"
    return Finding("epochs", f"position {wrong[0]} has another branch's epoch", advice)
