"""Back to an earlier position, in one transaction with the checkpoint."""

from __future__ import annotations

import pytest

from projections.catalog import CATALOG
from projections.engine.checkpoint import Lease, LostLease
from projections.engine.log import Connection, LogEnd
from projections.engine.rewinding import rewind
from projections.engine.sending import Sender
from projections.engine.writing import Writer
from tests.projections.conftest import Connect
from tests.projections.story import write_log
from tests.projections.test_projector import SECOND, catch_up, projector, tables, told


def test_who_does_not_hold_the_lease_takes_nothing_back(log: Connection, connect: Connect) -> None:
    write_log(log, told().events)
    catch_up(projector(connect("tallystick_tailer")))
    before = tables(log)
    other = connect("tallystick_tailer")
    writer = Writer(other, {table.name: table for table in CATALOG.tables()})
    end = LogEnd(position=8, epoch=2, branched_at=9)
    with pytest.raises(LostLease):
        rewind(Sender(other), writer, CATALOG, Lease(SECOND), since=13, to=8, end=end)
    assert tables(log) == before
