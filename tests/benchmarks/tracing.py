"""What spans cost the process that answers: commands and reads without, with all, with a tenth."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import product
from statistics import median

from tests.benchmarks.asking import turn
from tests.benchmarks.conditions import conditions
from tests.benchmarks.http import mixed
from tests.benchmarks.measuring import Turn, take_turns
from tests.benchmarks.product import environment, get
from tests.benchmarks.report import Report
from tests.benchmarks.server import BenchServer, bench_server
from tests.benchmarks.shown import SMALL, Shown, shown
from tests.benchmarks.web import Web, served
from tests.embedded import running_valkey

_CLIENTS = 64
_SHARES = {"untraced": None, "traced": "1.0", "traced_tenth": "0.1"}
"""Side -> how much of what is asked is traced; None for no collector at all."""


def run(*, rounds: int, lasting_s: float) -> Report:
    with ExitStack() as running:
        server = running.enter_context(bench_server())
        running.enter_context(running_valkey(server.folder))
        told = conditions(server, rounds=rounds, lasting_s=lasting_s)
        there = shown(server)
        endpoint = running.enter_context(_collecting())
        webs = {
            side: running.enter_context(served("api.serve", _traced(server, endpoint, share)))
            for side, share in _SHARES.items()
        }
        sides = _sides(webs, there, lasting_s)
        found = take_turns(sides, rounds=rounds, between=server.checkpoint)
    figures = {
        f"{name}_us": 1e6 * median(each.seconds / each.count for each in turns)
        for name, turns in found.items()
    }
    return Report("tracing", told, figures, dict(_ratios(figures)), {})


def _traced(server: BenchServer, endpoint: str, share: str | None) -> Mapping[str, str]:
    if share is None:
        return environment(server)
    return {
        **environment(server),
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "TALLYSTICK_TRACING_SHARE": share,
    }


def _sides(webs: Mapping[str, Web], there: Shown, lasting_s: float) -> Mapping[str, Turn]:
    """CPU time of the process that answers, which sends its spans as well."""
    token, streams = there.tokens[SMALL], there.of(SMALL)
    reads = [get(token, f"/v1/incidents/{stream}") for stream in streams]
    asked = partial(turn, clients=_CLIENTS, lasting_s=lasting_s)
    commands = {
        f"command_{side}": partial(asked, web, mixed(token, streams), statuses=(200, 201))
        for side, web in webs.items()
    }
    return commands | {f"get_{side}": partial(asked, web, reads) for side, web in webs.items()}


def _ratios(figures: Mapping[str, float]) -> Iterable[tuple[str, float]]:
    for asked, side in product(("command", "get"), ("traced", "traced_tenth")):
        ratio = figures[f"{asked}_{side}_us"] / figures[f"{asked}_untraced_us"]
        yield f"{asked}_{side}_vs_untraced", ratio


@contextmanager
def _collecting() -> Generator[str]:
    """A collector's address, which takes what is sent and keeps nothing."""
    server = HTTPServer(("127.0.0.1", 0), _Taking)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Silent."""
