"""What a million incidents change: appending at ten million events, lists, one record's past."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import LiteralString
from urllib.parse import quote

import psycopg
import uvloop
from psycopg import IsolationLevel

from api.serve import spare_the_collector
from tests.benchmarks import lists, ours
from tests.benchmarks.conditions import conditions
from tests.benchmarks.forklift import subject_keys
from tests.benchmarks.growing import HARBOR, Grown, grown
from tests.benchmarks.measuring import Measured, Turn, figures, take_turns
from tests.benchmarks.product import environment, token
from tests.benchmarks.report import Report, Target
from tests.benchmarks.server import BenchServer, bench_server
from tests.benchmarks.web import served
from tests.embedded import running_valkey
from workers.importing.connection import Origin

TARGETS = {
    "append_10m_vs_empty": Target(0.95, 1.0),
    "append_with_snapshot_vs_without": Target(0.8, 0.95),
    "list_1m_p99_ms": Target(20, 10, at_most=True),
    "as_of_longest_ms": Target(5, 3, at_most=True),
}
INCIDENTS = 1_000_000
_CALLERS = 64
_SNAPSHOT_S, _LISTING_S = 25.0, 20.0

_LONGEST: LiteralString = (
    "SELECT originator_id, originator_version FROM log.events"
    " WHERE tenant_id = %s AND topic LIKE 'incident.%%' ORDER BY originator_version DESC LIMIT 1"
)


def run(*, rounds: int, lasting_s: float, incidents: int = INCIDENTS) -> Report:
    spare_the_collector()
    with bench_server() as server, bench_server() as empty, running_valkey(server.folder):
        told = conditions(server, rounds=rounds, lasting_s=lasting_s)
        found = grown(server, incidents)
        spare_the_collector()
        told |= {"incidents": incidents, "events": found.events, "callers": _CALLERS}
        measured = {"growing_s": found.growing_s, "rebuilding_s": found.rebuilding_s}
        measured |= _reading(server, found)
        measured |= _appending(server, empty, rounds=rounds, lasting_s=lasting_s)
    return Report("growth", told, measured, _ratios(measured), TARGETS)


def _reading(server: BenchServer, found: Grown) -> dict[str, float]:
    """Pages, and the past of the incident with the most events, through the api's process."""
    asked, besides = lists.questions(server), lists.besides(server)
    access = token(server.settings, found.owner, HARBOR)
    with served("api.serve", environment(server)) as api:
        origin = Origin("127.0.0.1", api.port, secure=False, prefix="")
        pages = uvloop.run(lists.measured(origin, access, asked, lasting_s=_LISTING_S))
        measured = _of_pages(pages)
        with psycopg.connect(server.admin()) as connection:
            [(longest, events)] = connection.execute(_LONGEST, (HARBOR,)).fetchall()
        path = f"/v1/incidents/{longest}?as_of={quote(datetime.now(UTC).isoformat())}"
        found_alone = uvloop.run(lists.alone(origin, access, {"as_of_longest": path, **besides}))
    return {
        **measured,
        "as_of_events": events,
        **_of_questions(found_alone),
    }


def _of_questions(found: Mapping[str, tuple[Measured, int]]) -> dict[str, float]:
    shown = dict[str, float]()
    for name, (each, refused) in found.items():
        shown |= {f"{name}_first_ms": 1000 * each.waits[0], f"{name}_refused": refused}
        shown |= {f"{name}_p50_ms": each.wait_ms(0.5), f"{name}_p99_ms": each.wait_ms(0.99)}
    return shown


def _of_pages(pages: Mapping[str, list[float]]) -> dict[str, float]:
    every = [wait for waits in pages.values() for wait in waits]
    by_question = {
        f"list_{name}_p99_ms": Measured(len(waits), 1.0, tuple(waits)).wait_ms(0.99)
        for name, waits in pages.items()
    }
    all_of_them = Measured(len(every), lists.ASKING * _LISTING_S, tuple(every))
    return {
        "list_pages": len(every),
        "list_p50_ms": all_of_them.wait_ms(0.5),
        "list_p99_ms": all_of_them.wait_ms(0.99),
        "list_slowest_question_p99_ms": max(by_question.values()),
        **by_question,
    }


def _appending(
    server: BenchServer, empty: BenchServer, *, rounds: int, lasting_s: float
) -> dict[str, float]:
    """In turn on the grown log and on one that was empty; then beside a snapshot and without."""
    grown_log, empty_log = _log(server), _log(empty)

    def checkpoints() -> None:
        server.checkpoint()
        empty.checkpoint()

    sides: dict[str, Turn] = {
        "append_10m": partial(grown_log, lasting_s=lasting_s),
        "append_empty": partial(empty_log, lasting_s=lasting_s),
    }
    found = take_turns(sides, rounds=rounds, between=checkpoints)
    long_turn = partial(grown_log, lasting_s=_SNAPSHOT_S)
    without = [_after(checkpoints, long_turn)]
    with _snapshot(server):
        held = [_after(checkpoints, long_turn)]
    without.append(_after(checkpoints, long_turn))
    found |= {"append_without_snapshot": without, "append_with_snapshot": held}
    return figures(found)


def _log(server: BenchServer) -> partial[Measured]:
    keys = asyncio.run(subject_keys(server.settings))
    return partial(ours.appending, server.settings, keys, callers=_CALLERS)


def _after(preparing: Callable[[], None], turn: Turn) -> Measured:
    gc.collect()
    preparing()
    return turn()


@contextmanager
def _snapshot(server: BenchServer) -> Generator[None]:
    """Somebody reads in one long transaction: what is deleted meanwhile stays."""
    with psycopg.connect(server.admin()) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.execute("SELECT count(*) FROM log.epochs")
        yield


def _ratios(measured: Mapping[str, float]) -> dict[str, float]:
    def quotient(side: str, reference: str) -> float:
        return measured[f"{side}_per_s"] / measured[f"{reference}_per_s"]

    return {
        "append_10m_vs_empty": quotient("append_10m", "append_empty"),
        "append_with_snapshot_vs_without": quotient(
            "append_with_snapshot", "append_without_snapshot"
        ),
        "list_1m_p99_ms": measured["list_p99_ms"],
        "as_of_longest_ms": measured["as_of_longest_p50_ms"],
    }
