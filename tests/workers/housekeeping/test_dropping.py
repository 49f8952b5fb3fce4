"""A table that a rebuild left is dropped, though nobody asks for it."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial

import psycopg

from projections.catalog import CATALOG
from projections.engine.layout import read_layout
from projections.engine.making import droppable, make_beside
from tests.embedded import Database, until
from workers.housekeeping.__main__ import run
from write_model.kernel.settings import TAILER


def test_what_was_left_is_dropped(database: Database) -> None:
    conninfo, stop = database.conninfo(TAILER), threading.Event()
    work = partial(run, conninfo, accesses_after=timedelta(days=365), stop=stop)
    with psycopg.connect(conninfo, autocommit=True) as tailer:
        left = make_beside(tailer, read_layout(tailer), CATALOG.tables()[0])
        assert droppable(tailer) == [left]
        thread = threading.Thread(target=work)
        thread.start()
        try:
            until(lambda: droppable(tailer) == [], "it is dropped")
        finally:
            stop.set()
            thread.join(timeout=10)
