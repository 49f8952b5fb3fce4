"""New tables catch up with the projector, and take the place of those in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import LiteralString
from uuid import UUID

from projections.engine.checkpoint import hold_still, raise_layout, reached
from projections.engine.log import Connection, read_streams
from projections.engine.parking import LETTERS
from projections.engine.pointers import point_to
from projections.engine.progress import Phase, Progress, Told
from projections.engine.projection import Values
from projections.engine.recounting import recounted
from projections.engine.refolding import Refolding
from projections.engine.wanted import Wanted
from projections.engine.writing import Writer
from read_model.layout import Layout

_FEW_EVENTS = 200
"""So many are folded while the projector waits."""
_AT_ONCE = 5_000
"""Their records are folded from their beginning, all in memory."""

_TOUCHED: LiteralString = (
    "SELECT DISTINCT originator_id FROM log.events"
    " WHERE notification_id > %s AND notification_id <= %s"
)


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
        while (end := reached(self.connection, epoch=self.epoch)) - position > _FEW_EVENTS:
            told(Progress(Phase.CATCHING_UP, position, end))
            through = min(end, position + _AT_ONCE)
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

    def _swap(self, writer: Writer, position: int) -> None:
        through = hold_still(self.connection, epoch=self.epoch)
        self._bring(writer, since=position, through=through)
        writer.add({LETTERS.name: self.letters})
        for projection in self.wanted.projections:
            point_to(self.connection, projection, self.made[projection.table.name])
        recounted(self.connection, [projection.name for projection in self.wanted.projections])
        raise_layout(self.connection)

    def _bring(self, writer: Writer, *, since: int, through: int) -> None:
        """Fold the records that the events in between touched, from their beginning."""
        touched = self.connection.execute(_TOUCHED, (since, through)).fetchall()
        events = read_streams(self.connection, [stream for (stream,) in touched], through)
        refolding = Refolding.begun(self.connection, self.wanted, also=self.parked)
        refolding.add([recorded for recorded in events if recorded.position <= since])
        refolding.discount()
        added = refolding.add([recorded for recorded in events if recorded.position > since])
        for rows in (added, *refolding.documents()):
            writer.add(rows)
        writer.add(refolding.counts())
        known = {(stream, position) for stream, position, *_ in self.letters}
        self.letters.extend(each for each in refolding.letters if each[:2] not in known)
        self.parked.update(refolding.parked)
