"""New tables catch up with the projector, and take the place of those in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import LiteralString
from uuid import UUID

from projections.engine.log import Connection, log_end, read_streams
from projections.engine.making import retire
from projections.engine.parking import LETTERS
from projections.engine.progress import Phase, Progress, Told
from projections.engine.projection import Projection, Values
from projections.engine.refolding import Refolding, Wanted
from projections.engine.sending import Sender
from projections.engine.writing import Writer
from read_model.layout import Layout
from write_model.kernel.errors import LogRestored

_FEW_EVENTS = 200
"""So many are folded while the projector waits."""
_AT_ONCE = 5_000
"""Their records are folded from their beginning, all in memory."""

_APPLIED: LiteralString = "SELECT position, epoch FROM projections.checkpoint WHERE name = 'all'"
_TOUCHED: LiteralString = (
    "SELECT DISTINCT originator_id FROM log.events"
    " WHERE notification_id > %s AND notification_id <= %s"
)
_LEFT: LiteralString = "SELECT table_name FROM projections.current WHERE name = %s"
_POINT: LiteralString = (
    "UPDATE projections.current SET table_name = %s, declared = %s, version = %s WHERE name = %s"
)
_RAISE_LAYOUT: LiteralString = (
    "UPDATE projections.checkpoint SET layout = layout + 1 WHERE name = 'all'"
)


def applied(connection: Connection) -> tuple[int, int]:
    """How far the projector is, and of which epoch."""
    [[position, epoch]] = connection.execute(_APPLIED).fetchall()
    return position, epoch


@dataclass(frozen=True, slots=True)
class Successor:
    """`made`: declared table -> the new one. `letters`: what of the log it could not take.

    `parked`: stream -> the position from which that is so.
    """

    connection: Connection
    wanted: Wanted
    made: Mapping[str, str]
    epoch: int
    letters: list[Values]
    parked: dict[UUID, int]

    def succeed(self, position: int, told: Told) -> float:
        """From `position` on; how long the projector had to wait, in seconds.

        Raises: LogRestored when what was folded may not be on the log's branch any more.
        """
        writer = self._writer()
        while (reached := self._reached()) - position > _FEW_EVENTS:
            told(Progress(Phase.CATCHING_UP, position, reached))
            through = min(reached, position + _AT_ONCE)
            self._bring(writer, since=position, through=through)
            position = through
        told(Progress(Phase.SWAPPING, position, position))
        began = perf_counter()
        with self.connection.transaction():
            self._swap(writer, position)
        return perf_counter() - began

    def _writer(self) -> Writer:
        tables = [projection.table for projection in self.wanted.projections]
        places = {table.name: table for table in (*tables, LETTERS)}
        return Writer(self.connection, places, Layout(places=self.made))

    def _reached(self, hold: LiteralString = "") -> int:
        """How far the projector is. Raises: LogRestored when the log has another epoch."""
        [[reached, epoch]] = self.connection.execute(_APPLIED + hold).fetchall()
        if {epoch, log_end(self.connection).epoch} != {self.epoch}:
            raise LogRestored
        return int(reached)

    def _swap(self, writer: Writer, position: int) -> None:
        # A layout's number must not come back after a crash of the server: readers know it.
        self.connection.execute("SET LOCAL synchronous_commit = on")
        # The projector waits for this transaction, and would for as long as we were paused in it.
        self.connection.execute("SET LOCAL idle_in_transaction_session_timeout = '5s'")
        reached = self._reached(" FOR UPDATE")
        self._bring(writer, since=position, through=reached)
        _write(writer, {LETTERS.name: self.letters})
        for projection in self.wanted.projections:
            self._point_to(projection)
        self.connection.execute(_RAISE_LAYOUT)

    def _point_to(self, projection: Projection) -> None:
        declared = projection.table.name
        [[left]] = self.connection.execute(_LEFT, (projection.name,)).fetchall()
        to = self.made[declared], declared, projection.version, projection.name
        self.connection.execute(_POINT, to)
        retire(self.connection, left)

    def _bring(self, writer: Writer, *, since: int, through: int) -> None:
        """Fold the records that the events in between touched, from their beginning."""
        touched = self.connection.execute(_TOUCHED, (since, through)).fetchall()
        events = read_streams(self.connection, [stream for (stream,) in touched], through)
        refolding = Refolding.begun(self.connection, self.wanted, also=self.parked)
        refolding.add([recorded for recorded in events if recorded.position <= since])
        added = refolding.add([recorded for recorded in events if recorded.position > since])
        for rows in (added, *refolding.documents()):
            _write(writer, rows)
        known = {(stream, position) for stream, position, *_ in self.letters}
        self.letters.extend(each for each in refolding.letters if each[:2] not in known)
        self.parked.update(refolding.parked)


def _write(writer: Writer, rows: Mapping[str, Sequence[Values]]) -> None:
    if any(rows.values()):
        Sender(writer.connection).ask(writer.addition(rows))
