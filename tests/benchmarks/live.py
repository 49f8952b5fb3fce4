"""Projecting live: our projector beside the library's runner and bare bulk inserts of view rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from projections.catalog import CATALOG
from projections.engine import columns
from projections.engine.catalog import Catalog
from projections.engine.checkpoint import Lease
from projections.engine.columns import pack
from projections.engine.projector import Projector
from projections.engine.writing import Writer
from tests.benchmarks import library
from tests.benchmarks.conditions import conditions
from tests.benchmarks.forklift import subject_keys
from tests.benchmarks.histories import write_histories
from tests.benchmarks.measuring import Measured, Turn, alone, figures, take_turns
from tests.benchmarks.report import Report, Target
from tests.benchmarks.server import THEIRS, BenchServer, bench_server
from tests.benchmarks.view import VIEW
from workers.projector.collector import spare_collector
from write_model.kernel.ids import new_id
from write_model.kernel.settings import TAILER

TARGETS = {
    "live_vs_library": Target(50, 50),
    "live_vs_raw": Target(0.5, 0.5),
}
_STREAMS, _THEIR_STREAMS, _EVENTS = 6_000, 1_200, 10
_ROWS = 2_000
"""A statement and commit of the bare inserts; a projector's batch would cost them a tenth."""

_VIEW: LiteralString = (
    "id uuid PRIMARY KEY, title text, severity text, team text, notes integer, version bigint"
)
_INSERT: LiteralString = (
    "INSERT INTO raw.view (id, title, severity, team, notes, version)"
    " SELECT id, title, severity, team, notes, version FROM unnest(%s, %s, %s, %s, %s, %s)"
    " AS r (id, title, severity, team, notes, version)"
)


def run(*, rounds: int, lasting_s: float) -> Report:
    spare_collector()
    with bench_server() as server:
        told = conditions(server, rounds=rounds, lasting_s=lasting_s)
        told |= {"events": _STREAMS * _EVENTS, "library_events": _THEIR_STREAMS * _EVENTS}
        _write_log(server)
        library.write_log(server.library(), streams=_THEIR_STREAMS, events=_EVENTS)
        _make_views(server)
        server.vacuum()
        found = take_turns(_sides(server, lasting_s), rounds=rounds, between=server.checkpoint)
    measured = figures(found)
    ours = measured["live_per_s"]
    ratios = {
        "live_vs_library": ours / measured["library_runner_per_s"],
        "live_vs_raw": ours / measured["raw_view_rows_per_s"],
        "live_all_vs_library": (measured["live_all_per_s"] / measured["library_runner_per_s"]),
    }
    return Report("live", told, measured, ratios, TARGETS)


def _write_log(server: BenchServer) -> None:
    keys = asyncio.run(subject_keys(server.settings))
    writing = write_histories(
        server.settings, keys, streams=_STREAMS, events=_EVENTS, sealed_throughout=True
    )
    asyncio.run(writing)


def _make_views(server: BenchServer) -> None:
    with psycopg.connect(server.admin(), autocommit=True) as connection:
        connection.execute("CREATE TABLE raw.view (" + _VIEW + ")")
        # As the product's own tables have it whose rows are replaced at every event.
        ours: LiteralString = "CREATE TABLE projections.incident_view (" + _VIEW + ")"
        connection.execute(ours + " WITH (fillfactor = 70)")
        connection.execute("ALTER TABLE projections.incident_view OWNER TO tallystick_tailer")


def _sides(server: BenchServer, lasting_s: float) -> Mapping[str, Turn]:
    theirs = make_conninfo(server.admin(), dbname=THEIRS)
    return {
        "live": partial(_projecting, server, Catalog((VIEW,)), lasting_s=lasting_s),
        "library_runner": partial(
            library.projecting, server.library(), theirs, lasting_s=lasting_s
        ),
        "raw_view_rows": partial(_raw_rows, server.admin(), lasting_s=lasting_s),
        "live_all": partial(_projecting, server, CATALOG, lasting_s=lasting_s),
    }


def _projecting(server: BenchServer, catalog: Catalog, *, lasting_s: float) -> Measured:
    """From the log's beginning into empty tables, until its end or the turn's."""
    _begin_again(server.admin(), catalog)
    conninfo = server.ours(TAILER)
    with psycopg.connect(conninfo, autocommit=True, options="-c timezone=UTC") as connection:
        projector = Projector(connection, catalog, Lease(new_id()))
        began = time.perf_counter()
        end, applied = began + lasting_s, 0
        while time.perf_counter() < end and (events := projector.step()):
            applied += events
        seconds = time.perf_counter() - began
        projector.close()
    return Measured(applied, seconds)


def _begin_again(conninfo: str, catalog: Catalog) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for table in catalog.tables():
            name = sql.Identifier("projections", table.name)
            connection.execute(sql.SQL("TRUNCATE {}").format(name))
        connection.execute("UPDATE projections.checkpoint SET position = 0")


def _raw_rows(conninfo: str, *, lasting_s: float) -> Measured:
    """Without anything that reads, folds or remembers."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        Writer(connection, {})  # the same settings and packed arrays as the projector's
        connection.execute("TRUNCATE raw.view")

        def insert() -> None:
            connection.execute(_INSERT, _packed())

        return alone(insert, lasting_s=lasting_s, each=_ROWS)


def _packed() -> list[Any]:
    rows = range(_ROWS)
    return [
        pack(columns.UUID, [new_id() for _ in rows]),
        pack(columns.TEXT, ["The forklift leaks oil" for _ in rows]),
        pack(columns.TEXT, ["sev2" for _ in rows]),
        pack(columns.TEXT, ["warehouse" for _ in rows]),
        pack(columns.INT4, [1 for _ in rows]),
        pack(columns.INT8, [1 for _ in rows]),
    ]
