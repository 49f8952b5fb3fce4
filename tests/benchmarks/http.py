"""Commands over HTTP: the CPU time of our process beside the same routes without a database.

And how many a second there are, and how long each takes, by how many ask at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import count
from statistics import median
from uuid import UUID

from pydantic_core import to_json

from tests.benchmarks import plain_web
from tests.benchmarks.asking import turn
from tests.benchmarks.conditions import conditions
from tests.benchmarks.histories import NOTE
from tests.benchmarks.measuring import Measured, Turn, take_turns
from tests.benchmarks.product import environment, request
from tests.benchmarks.report import Report, Target
from tests.benchmarks.server import bench_server
from tests.benchmarks.shown import SMALL, Shown, shown
from tests.benchmarks.web import Web, served
from tests.embedded import running_valkey

TARGETS = {"command_http_vs_no_database": Target(1.3, 1.0, at_most=True)}
_CLIENTS = 64
_AT_ONCE = (1, 16, _CLIENTS)
_DONE = (200, 201)


def run(*, rounds: int, lasting_s: float) -> Report:
    with ExitStack() as running:
        server = running.enter_context(bench_server())
        running.enter_context(running_valkey(server.folder))
        told = conditions(server, rounds=rounds, lasting_s=lasting_s)
        there = shown(server)
        ours = running.enter_context(served("api.serve", environment(server)))
        key = server.settings.master_secret().key("tokens").hex()
        plain = running.enter_context(served("tests.benchmarks.plain_web", {plain_web.KEY: key}))
        sides = _sides(ours, plain, there, lasting_s)
        found = take_turns(sides, rounds=rounds, between=server.checkpoint)
        times = _times(ours, there, lasting_s)
        taken = take_turns(times, rounds=rounds, between=server.checkpoint)
    figures = {f"{name}_us": _median_us(turns) for name, turns in found.items()}
    for name, turns in taken.items():
        figures[f"{name}_per_s"] = median(each.per_second() for each in turns)
        figures[f"{name}_p50_ms"] = median(each.wait_ms(0.5) for each in turns)
        figures[f"{name}_p99_ms"] = median(each.wait_ms(0.99) for each in turns)
    ratio = figures["command_us"] / figures["plain_command_us"]
    return Report("http", told, figures, {"command_http_vs_no_database": ratio}, TARGETS)


def _sides(ours: Web, plain: Web, there: Shown, lasting_s: float) -> Mapping[str, Turn]:
    """CPU time of the process that answers."""
    token, streams = there.tokens[SMALL], there.of(SMALL)
    asked = partial(turn, statuses=_DONE, clients=_CLIENTS, lasting_s=lasting_s)
    commands = mixed(token, streams)
    return {
        "command": partial(asked, ours, commands),
        "plain_command": partial(asked, plain, commands),
    }


def _times(ours: Web, there: Shown, lasting_s: float) -> Mapping[str, Turn]:
    """By the clock, and how long each command took."""
    commands = mixed(there.tokens[SMALL], there.of(SMALL))
    return {
        f"command_{clients}": partial(_by_the_clock, ours, commands, clients, lasting_s)
        for clients in _AT_ONCE
    }


def _by_the_clock(web: Web, requests: Iterator[bytes], clients: int, lasting_s: float) -> Measured:
    done = turn(web, requests, statuses=_DONE, clients=clients, lasting_s=lasting_s)
    return Measured(done.count, sum(done.waits) / clients, done.waits)


def mixed(token: str, streams: Sequence[UUID]) -> Iterator[bytes]:
    """One of three declares, with a name that is sealed; the others are notes and titles.

    Each has a key of its own, which makes a retry safe.
    """
    declared = to_json(
        {"title": "The forklift leaks oil", "severity": "sev3", "injured": "J. Reyes"}
    )
    note = to_json({"text": NOTE})
    for number in count():
        path = f"/v1/incidents/{streams[number % len(streams)]}"
        key = f"oil-{number}-{id(streams)}"
        match number % 3:
            case 0:
                yield request(token, "POST", "/v1/incidents", declared, Idempotency_Key=key)
            case 1:
                yield request(token, "POST", f"{path}/notes", note, Idempotency_Key=key)
            case _:
                title = to_json({"title": f"Forklift {number} leaks oil"})
                yield request(token, "POST", f"{path}/describe", title, Idempotency_Key=key)


def _median_us(turns: Sequence[Measured]) -> float:
    return 1e6 * median(turn.seconds / turn.count for turn in turns)
