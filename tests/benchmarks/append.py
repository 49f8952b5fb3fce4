"""Appending: our group commit beside raw commits, the library's recorder and the batch ceiling."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from itertools import islice

import psycopg

from api.serve import spare_the_collector
from tests.benchmarks import library, ours, raw
from tests.benchmarks.conditions import conditions
from tests.benchmarks.forklift import Keys, Reports, subject_keys
from tests.benchmarks.measuring import Measured, Turn, figures, take_turns
from tests.benchmarks.report import Report, Target
from tests.benchmarks.server import BenchServer, bench_server, can_slow_syncs

TARGETS = {
    "append_64_vs_raw": Target(1.5, 2.2),
    "append_64_vs_library": Target(20, 30),
    "append_64_vs_batch_ceiling": Target(0.3, 0.5),
    "append_1_vs_raw": Target(0.45, 0.7),
    "append_p99_64_vs_library": Target(None, 0.05, at_most=True),
}
_STATES = 240


def run(*, rounds: int, lasting_s: float) -> Report:
    spare_the_collector()
    with bench_server() as server:
        told = conditions(server, rounds=rounds, lasting_s=lasting_s)
        keys = asyncio.run(subject_keys(server.settings))
        found = take_turns(
            _sides(server, keys, lasting_s), rounds=rounds, between=server.checkpoint
        )
        spread = take_turns(
            _processes(server, keys, lasting_s), rounds=min(rounds, 2), between=server.checkpoint
        )
    slow = _on_a_slower_disk(lasting_s)
    told["slower_disk"] = "1 ms added to every sync" if slow else "left out: no C compiler"
    measured = figures(found) | figures(spread) | figures(slow)
    return Report("append", told, measured, _ratios(measured), TARGETS)


def _sides(server: BenchServer, keys: Keys, lasting_s: float) -> Mapping[str, Turn]:
    """At 64 callers, then at one; every table starts empty and grows alike."""
    with psycopg.connect(server.admin(), autocommit=True) as connection:
        raw.make_table(connection, "singles")
        raw.make_table(connection, "batches")
    states = [command.rows[0].state for command in islice(Reports(keys).commands(), _STATES)]
    settings, conninfo = server.settings, server.ours()
    log = partial(ours.appending, settings, keys, lasting_s=lasting_s)
    commits = partial(raw.single_commits, conninfo, states, lasting_s=lasting_s)
    recorder = partial(library.inserting, server.library(), states, lasting_s=lasting_s)
    return {
        "append_64": partial(log, callers=64),
        "raw_64": partial(commits, connections=64),
        "library_64": partial(recorder, callers=64),
        "batch_ceiling": partial(raw.batches, conninfo, states, lasting_s=lasting_s),
        "append_1": partial(log, callers=1),
        "raw_1": partial(raw.blocking_commits, conninfo, states, lasting_s=lasting_s),
        "raw_1_asyncio": partial(commits, connections=1),
        "library_1": partial(recorder, callers=1),
    }


def _processes(server: BenchServer, keys: Keys, lasting_s: float) -> Mapping[str, Turn]:
    several = partial(ours.appending_by_processes, server.settings, keys, lasting_s=lasting_s)
    return {
        "append_4x16": partial(several, processes=4, callers=16),
        "append_8x8": partial(several, processes=8, callers=8),
    }


def _on_a_slower_disk(lasting_s: float) -> dict[str, list[Measured]]:
    """One round on another server; nothing where it cannot be had."""
    if not can_slow_syncs():
        return {}
    with bench_server(slow_sync=True) as server:
        keys = asyncio.run(subject_keys(server.settings))
        sides = _sides(server, keys, lasting_s)
        found = take_turns(sides, rounds=1, between=server.checkpoint)
    return {f"slow_sync_{name}": turns for name, turns in found.items()}


def _ratios(per_s: Mapping[str, float]) -> dict[str, float]:
    def quotient(side: str, reference: str, figure: str = "per_s") -> float:
        return per_s[f"{side}_{figure}"] / per_s[f"{reference}_{figure}"]

    ratios = {
        "append_64_vs_raw": quotient("append_64", "raw_64"),
        "append_64_vs_library": quotient("append_64", "library_64"),
        "append_64_vs_batch_ceiling": quotient("append_64", "batch_ceiling"),
        "append_1_vs_raw": quotient("append_1", "raw_1"),
        "append_1_vs_raw_asyncio": quotient("append_1", "raw_1_asyncio"),
        "append_1_vs_library": quotient("append_1", "library_1"),
        "append_p99_64_vs_library": quotient("append_64", "library_64", "p99_ms"),
        "append_4x16_vs_1x64": quotient("append_4x16", "append_64"),
        "append_8x8_vs_1x64": quotient("append_8x8", "append_64"),
    }
    if "slow_sync_append_64_per_s" in per_s:
        for reference in ("raw_64", "library_64", "batch_ceiling"):
            name = f"slow_sync_append_64_vs_{reference.removesuffix('_64')}"
            ratios[name] = quotient("slow_sync_append_64", f"slow_sync_{reference}")
        ratios["slow_sync_append_1_vs_raw"] = quotient("slow_sync_append_1", "slow_sync_raw_1")
    return ratios
