"""New tables catch up with the projector, and take the place of those in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import LiteralString

from projections.engine.layout import Layout
from projections.engine.log import Connection, read_streams
from projections.engine.making import retire
from projections.engine.parking import LETTERS
from projections.engine.progress import Phase, Progress, Told
from projections.engine.projection import Projection, Values
from projections.engine.refolding import Refolding, Tables, Wanted
from projections.engine.sending import Sender
from projections.engine.writing import Writer
from write_model.kernel.errors import LogRestored

_FEW_EVENTS = 200
"""So many are folded while the projector waits."""

_APPLIED: LiteralString = "SELECT position, epoch FROM projections.checkpoint WHERE name = 'all'"
_HOLD: LiteralString = _APPLIED + " FOR UPDATE"
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


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """`swap_s`: how long the projector waited. `parked`: events that could not be folded."""

    events: int
    seconds: float
    swap_s: float
    parked: int


def applied(connection: Connection) -> tuple[int, int]:
    """How far the projector is, and of which epoch."""
    [[position, epoch]] = connection.execute(_APPLIED).fetchall()
    return position, epoch


@dataclass(frozen=True, slots=True)
class Successor:
    """`made`: declared table -> the new one. `letters`: what of the log it could not take."""

    connection: Connection
    wanted: Wanted
    made: Mapping[str, str]
    epoch: int
    letters: Sequence[Values]

    def succeed(self, position: int, told: Told) -> float:
        """From `position` on; how long the projector had to wait, in seconds.

        Raises: LogRestored when what was folded may not be on the log's branch any more.
        """
        writer = Writer(self.connection, self._tables(), Layout(places=self.made))
        while (reached := applied(self.connection)[0]) - position > _FEW_EVENTS:
            told(Progress(Phase.CATCHING_UP, position, reached))
            self._bring(writer, after=position, through=reached)
            position = reached
        began = perf_counter()
        with self.connection.transaction():
            self._swap(writer, position)
        return perf_counter() - began
    
    def _tables(self) -> dict[str, Any]:
        ...
