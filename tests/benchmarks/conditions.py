"""What the figures depend on, printed beside them."""

from __future__ import annotations

import gc
import os
import platform
import time
from pathlib import Path
from statistics import median

import psycopg

from tests.benchmarks.server import BenchServer

_WRITES = 200


def conditions(server: BenchServer, *, rounds: int, lasting_s: float) -> dict[str, object]:
    load = os.getloadavg()
    return {
        "python": platform.python_version(),
        "postgres": _shown(server, "server_version"),
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "synced_write_ms": round(synced_write_ms(server.folder), 3),
        "fsync": _shown(server, "fsync"),
        "synchronous_commit": _shown(server, "synchronous_commit"),
        "full_page_writes": _shown(server, "full_page_writes"),
        "rounds": rounds,
        "seconds_a_turn": lasting_s,
        "load_average_1m_before": round(load[0], 2),
        "collector": gc.get_threshold(),
        "sealed_share": "1 event of 3",
    }


def synced_write_ms(folder: Path) -> float:
    """The median of one 8 KB write and fdatasync in a file that is long enough already.

    As the write-ahead log does it: its segments are made beforehand.
    """
    path, page = folder / "synced-write", bytes(8192)
    path.write_bytes(page * _WRITES)
    file = os.open(path, os.O_WRONLY)
    try:
        os.fsync(file)
        return 1000 * median(_synced(file, page, at * len(page)) for at in range(_WRITES))
    finally:
        os.close(file)
        path.unlink()


def _synced(file: int, page: bytes, at: int) -> float:
    began = time.perf_counter()
    os.pwrite(file, page, at)
    os.fdatasync(file)
    return time.perf_counter() - began


def _shown(server: BenchServer, setting: str) -> str:
    with psycopg.connect(server.admin()) as connection:
        row = connection.execute("SELECT current_setting(%s)", (setting,)).fetchone()
    assert row
    return str(row[0])
