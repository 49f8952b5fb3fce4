"""Rebuilding a million events: our CPU beside that of a bare COPY, and what readers notice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import LiteralString

import psycopg

from projections.catalog import CATALOG
from projections.engine import columns
from projections.engine.catalog import Catalog
from projections.engine.columns import Column
from projections.engine.log import READ
from projections.engine.projection import Row, TableSpec, Values
from projections.engine.rebuilding import Rebuild
from tests.benchmarks.conditions import conditions
from tests.benchmarks.cpu import server_s
from tests.benchmarks.forklift import subject_keys
from tests.benchmarks.histories import copy_histories
from tests.benchmarks.polling import Polled, polling
from tests.benchmarks.report import Report, Target
from tests.benchmarks.server import BenchServer, bench_server
from tests.benchmarks.view import VIEW
from workers.connecting import Connection, connected
from workers.projector.collector import spare_collector
from write_model.kernel.messages import Recorded
from write_model.kernel.settings import TAILER

TARGETS = {
    "rebuild_events_per_cpu_second": Target(250_000, 400_000),
    "rebuild_vs_copy_read": Target(0.3, 0.3),
    "swap_ms": Target(20, 20, at_most=True),
    "failed_reads": Target(0, 0, at_most=True),
}
_STREAMS, _EVENTS, _UNDER_WAY = 50_000, 20, 2_000

_COPY: LiteralString = "COPY (" + READ + " ORDER BY notification_id) TO STDOUT (FORMAT binary)"
_MAKE_VIEW: LiteralString = (
    "CREATE TABLE projections.incident_view (id uuid PRIMARY KEY, title text, severity text,"
    " team text, notes integer, version bigint, tenant_id uuid NOT NULL) WITH (fillfactor = 70)"
)
_PREPARE: tuple[LiteralString, ...] = (
    _MAKE_VIEW,
    "ALTER TABLE projections.incident_view OWNER TO tallystick_tailer",
    "SELECT projections.wall('incident_view')",
    "INSERT INTO projections.current VALUES ('incident_view', 1, 'incident_view', 'incident_view')",
    "UPDATE projections.checkpoint SET position = (SELECT max(notification_id) FROM log.events)",
)


def _values(row: Row, recorded: Recorded) -> Values:
    return *VIEW.values(row, recorded), recorded.tenant


WALLED_VIEW = replace(
    VIEW,
    table=TableSpec("incident_view", (*VIEW.table.columns, Column("tenant_id", columns.UUID))),
    values=_values,
)
"""With its organization: the wall that a rebuilt table gets asks for it."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Of `events`: CPU seconds of this process and of its server's, and by the clock."""

    events: int
    client_s: float
    server_s: float
    seconds: float
    swap_s: float = 0.0

    def per_cpu_second(self) -> float:
        """Of both: what one does not do the other has to."""
        return self.events / (self.client_s + self.server_s)

    def per_client_second(self) -> float:
        return self.events / self.client_s

    def per_second(self) -> float:
        return self.events / self.seconds


def run(*, rounds: int, lasting_s: float) -> Report:
    """A turn is a whole rebuild, however long it lasts."""
    spare_collector()
    with bench_server() as server:
        told = conditions(server, rounds=rounds, lasting_s=lasting_s)
        told |= {"events": _STREAMS * _EVENTS, "streams": _STREAMS, "under_way": _UNDER_WAY}
        keys = asyncio.run(subject_keys(server.settings))
        copy_histories(server.admin(), keys, streams=_STREAMS, events=_EVENTS, under_way=_UNDER_WAY)
        _prepare(server)
        _rebuilt(server, Catalog((WALLED_VIEW,)))  # so that there is something to read
        with polling(server) as polled:
            view, floor = _take_turns(server, rounds)
        server.checkpoint()
        everything = _rebuilt(server, CATALOG)
    figures = _figures(view, floor, everything, polled())
    ratios = {
        "rebuild_vs_copy_read": _ratio(view, floor, Turn.per_cpu_second),
        "rebuild_vs_copy_read_of_client": _ratio(view, floor, Turn.per_client_second),
        "rebuild_vs_copy_read_by_clock": _ratio(view, floor, Turn.per_second),
    }
    return Report("rebuild", told, figures, ratios, TARGETS)


def _ratio(view: list[Turn], floor: list[Turn], rate: Callable[[Turn], float]) -> float:
    return median(map(rate, view)) / median(map(rate, floor))


def _prepare(server: BenchServer) -> None:
    with psycopg.connect(server.admin(), autocommit=True) as connection:
        for statement in _PREPARE:
            connection.execute(statement)


def _take_turns(server: BenchServer, rounds: int) -> tuple[list[Turn], list[Turn]]:
    view, floor = list[Turn](), list[Turn]()
    for _ in range(rounds):
        server.checkpoint()
        view.append(_rebuilt(server, Catalog((WALLED_VIEW,))))
        server.checkpoint()
        floor.append(_read(server))
    return view, floor


def _figures(
    view: list[Turn], floor: list[Turn], everything: Turn, polled: Polled
) -> Mapping[str, float]:
    return {
        "rebuild_events_per_cpu_second": median(turn.per_cpu_second() for turn in view),
        "copy_read_events_per_cpu_second": median(turn.per_cpu_second() for turn in floor),
        "rebuild_all_events_per_cpu_second": everything.per_cpu_second(),
        **_microseconds("rebuild", view),
        **_microseconds("copy_read", floor),
        **_microseconds("rebuild_all", [everything]),
        "swap_ms": 1000 * max(turn.swap_s for turn in (*view, everything)),
        "reads": polled.reads,
        "failed_reads": polled.failed,
        "slowest_read_ms": polled.slowest_ms,
    }


def _microseconds(name: str, turns: list[Turn]) -> Mapping[str, float]:
    """Of an event: of our process, of the server's processes, by the clock."""
    return {
        f"{name}_client_us": 1e6 * median(turn.client_s / turn.events for turn in turns),
        f"{name}_server_us": 1e6 * median(turn.server_s / turn.events for turn in turns),
        f"{name}_clock_us": 1e6 * median(turn.seconds / turn.events for turn in turns),
    }


def _rebuilt(server: BenchServer, catalog: Catalog) -> Turn:
    with _opened(server) as connection:
        spent_s, client_s = server_s(connection), time.process_time()
        names = [projection.name for projection in catalog.projections]
        rebuilt = Rebuild(connection, catalog, told=lambda _: None).of(names)
        client_s, spent_s = time.process_time() - client_s, server_s(connection) - spent_s
    assert rebuilt.parked == 0
    return Turn(rebuilt.events, client_s, spent_s, rebuilt.seconds, rebuilt.swap_s)


def _read(server: BenchServer) -> Turn:
    """Every row of the log, by position: its bytes are taken and not looked at."""
    with _opened(server) as connection:
        spent_s, client_s, began = server_s(connection), time.process_time(), time.perf_counter()
        with connection.cursor().copy(_COPY) as copy:
            rows = sum(1 for _ in copy)
        client_s, spent_s = time.process_time() - client_s, server_s(connection) - spent_s
        # Beside the rows there are the format's head and its end.
        return Turn(rows - 2, client_s, spent_s, time.perf_counter() - began)


def _opened(server: BenchServer) -> Connection:
    return connected(server.ours(TAILER), statement_timeout_s=0)
