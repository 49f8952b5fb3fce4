"""How far everything has been applied, who may go on, and how far that is behind the log.

Lease and checkpoint are one row, so that moving one renews the other in the same statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString
from uuid import UUID

from projections.engine.log import Connection, log_end
from write_model.kernel.errors import LogRestored

_ACQUIRE: LiteralString = (
    "UPDATE projections.checkpoint SET holder = %s, expires_at = clock_timestamp() + %s"
    " WHERE name = 'all' AND (holder = %s OR expires_at < clock_timestamp())"
    " RETURNING position, epoch, paused, layout"
)
# A projector that lags behind a branch has events of the epochs before it to come.
# The last lines: what was read before the log was restored is not on its branch any more, and
# nothing follows a position that is not; only a rewinding goes back from there.
MOVE: LiteralString = (
    "UPDATE projections.checkpoint SET position = $1, epoch = greatest(epoch, $2),"
    " applied_at = clock_timestamp(), expires_at = clock_timestamp() + $3::interval"
    " WHERE name = 'all' AND holder = $4 AND position = $5 AND NOT paused AND layout = $6"
    " AND expires_at > clock_timestamp() AND NOT EXISTS"
    " (SELECT FROM log.epochs e WHERE e.epoch > $2 AND e.first_position <= $1"
    "  OR e.epoch > checkpoint.epoch AND e.first_position <= checkpoint.position"
    "  AND $1 > checkpoint.position) RETURNING position"
)
"""Moves the checkpoint and renews the lease; no row comes back when it is not ours to move."""

# Whoever took the lease since would be its holder; while the row is locked nobody can.
_HOLD: LiteralString = (
    "UPDATE projections.checkpoint SET expires_at = clock_timestamp() + interval '1 h'"
    " WHERE name = 'all' AND holder = %s"
)
_RELEASE: LiteralString = (
    "UPDATE projections.checkpoint SET expires_at = '-infinity' WHERE name = 'all' AND holder = %s"
)
_PAUSE: LiteralString = "UPDATE projections.checkpoint SET paused = %s WHERE name = 'all'"
_APPLIED: LiteralString = "SELECT position, epoch FROM projections.checkpoint WHERE name = 'all'"
_RAISE_LAYOUT: LiteralString = (
    "UPDATE projections.checkpoint SET layout = layout + 1 WHERE name = 'all'"
)
_LAG: LiteralString = (
    "SELECT c.position, c.paused,"
    " CASE WHEN c.expires_at > clock_timestamp() THEN c.holder END,"
    " (SELECT count(DISTINCT stream_id) FROM projections.dead_letters),"
    " (SELECT clock_timestamp() - e.recorded_at FROM log.events e"
    "  WHERE e.notification_id = c.position + 1)"
    " FROM projections.checkpoint c WHERE c.name = 'all'"
)


class LostLease(Exception):
    """Somebody else goes on, or nobody may: nothing of the batch was written."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the holder of the lease found."""

    position: int
    epoch: int
    paused: bool
    layout: int


@dataclass(frozen=True, slots=True)
class Lease:
    """One candidate for being the projector; it stands by while another holds the lease."""

    holder: UUID
    lasts: timedelta = timedelta(seconds=5)

    def acquire(self, connection: Connection) -> Held | None:
        """Take or renew the lease; None while another's has not run out."""
        row = connection.execute(_ACQUIRE, (self.holder, self.lasts, self.holder)).fetchone()
        return Held(*row) if row else None

    def hold(self, connection: Connection) -> None:
        """Keep everybody else away until the transaction ends, which may outlast the lease.

        Raises: LostLease.
        """
        if not connection.execute(_HOLD, (self.holder,)).rowcount:
            raise LostLease

    def move(self, *, since: int, to: int, epoch: int) -> tuple[object, ...]:
        """The parameters of `MOVE` but its last, the layout's number."""
        return to, epoch, self.lasts, self.holder, since

    def release(self, connection: Connection) -> None:
        """Let a successor start at once."""
        connection.execute(_RELEASE, (self.holder,))


def pause(connection: Connection) -> None:
    """Nothing is applied from now on; what waits for a position is told that it is stale."""
    connection.execute(_PAUSE, (True,))


def resume(connection: Connection) -> None:
    connection.execute(_PAUSE, (False,))


def applied(connection: Connection) -> tuple[int, int]:
    """How far the projector is, and of which epoch."""
    [[position, epoch]] = connection.execute(_APPLIED).fetchall()
    return position, epoch


def reached(connection: Connection, *, epoch: int, hold: LiteralString = "") -> int:
    """How far the projector is. Raises: LogRestored when the log has another epoch."""
    [[position, known]] = connection.execute(_APPLIED + hold).fetchall()
    if {known, log_end(connection).epoch} != {epoch}:
        raise LogRestored
    return int(position)


def hold_still(connection: Connection, *, epoch: int) -> int:
    """Where the projector is and stays until the transaction ends, which is soon.

    Raises: LogRestored.
    """
    # A layout's number must not come back after a crash of the server: readers know it.
    connection.execute("SET LOCAL synchronous_commit = on")
    # The projector waits for this transaction, and would for as long as we were paused in it.
    connection.execute("SET LOCAL idle_in_transaction_session_timeout = '5s'")
    return reached(connection, epoch=epoch, hold=" FOR UPDATE")


def raise_layout(connection: Connection) -> None:
    """The projector forgets what it knows of the rows, and whoever reads asks where they are."""
    connection.execute(_RAISE_LAYOUT)


@dataclass(frozen=True, slots=True)
class Lag:
    """`behind`: events not applied yet. `waiting_for`: how long the oldest of them has waited.

    `holder`: of the lease, None while no projector runs. `parked`: records set aside with
    their events.
    """

    position: int
    behind: int
    waiting_for: timedelta
    paused: bool
    holder: UUID | None
    parked: int

    @property
    def head(self) -> int:
        """Where the log ends."""
        return self.position + self.behind

    @property
    def held(self) -> bool:
        """Whether a projector holds the lease."""
        return self.holder is not None


def lag(connection: Connection) -> Lag:
    """Unhealthy means that it grows *and* that the position does not move."""
    [row] = connection.execute(_LAG).fetchall()
    position, paused, holder, parked, waited = row
    behind = log_end(connection).position - position
    return Lag(position, behind, waited or timedelta(), paused, holder, parked)
