"""Reading over HTTP: the CPU time of our process beside the same route without a database.

And how much longer a read takes that names a position, and a list with counts that are not kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from statistics import median

from tests.benchmarks import plain_web
from tests.benchmarks.asking import answers, turn
from tests.benchmarks.conditions import conditions
from tests.benchmarks.measuring import Measured, Turn, take_turns
from tests.benchmarks.product import environment, get
from tests.benchmarks.report import Report, Target
from tests.benchmarks.server import BenchServer, bench_server
from tests.benchmarks.shown import EVENTS, LARGE, MORE, SMALL, STREAMS, Shown, shown
from tests.benchmarks.web import Web, served
from tests.embedded import running_valkey

TARGETS = {
    "get_vs_no_database": Target(1.3, 1.0, at_most=True),
    "list50_vs_no_database": Target(1.8, 1.3, at_most=True),
    "not_modified_vs_no_database": Target(1.1, 0.8, at_most=True),
    "facets_computed_vs_kept": Target(None, 10),
}
_CLIENTS = 64
_LIST = "/v1/incidents?limit=50"
_FACETS = "/v1/incidents?limit=1&facets=status,severity,priority,team"


def run(*, rounds: int, lasting_s: float) -> Report:
    with ExitStack() as running:
        server = running.enter_context(bench_server())
        running.enter_context(running_valkey(server.folder))
        told = conditions(server, rounds=rounds, lasting_s=lasting_s)
        told |= {"incidents": STREAMS, "events_an_incident": EVENTS, "incidents_counted": MORE}
        there = shown(server)
        ours = running.enter_context(served("api.serve", environment(server)))
        nowhere = {"REDIS_URL": f"unix://{server.folder}/nobody.sock"}
        uncached = running.enter_context(served("api.serve", {**environment(server), **nowhere}))
        kept = _kept(server, ours, there)
        plain = running.enter_context(served("tests.benchmarks.plain_web", kept))
        many = _many(ours, plain, there, lasting_s)
        found = take_turns(many, rounds=rounds, between=server.checkpoint)
        alone = _alone(ours, uncached, there, lasting_s)
        waited = take_turns(alone, rounds=rounds, between=server.checkpoint)
    figures = {f"{name}_us": _median_us(turns) for name, turns in found.items()}
    figures |= {
        "get_min_position_added_ms": _added_ms(waited["get_with_and_without"]),
        "list50_min_position_added_ms": _added_ms(waited["list50_with_and_without"]),
        "facets_kept_p50_ms": _p50_ms(waited["facets_kept"]),
        "facets_computed_p50_ms": _p50_ms(waited["facets_computed"]),
    }
    return Report("reads", told, figures, _ratios(figures), TARGETS)


def _many(ours: Web, plain: Web, there: Shown, lasting_s: float) -> Mapping[str, Turn]:
    """Sixty-four clients: CPU time of the process that answers them."""
    token = there.tokens[SMALL]
    gets = _gets(there)
    tags = [answer.headers[b"etag"].decode() for answer in answers(ours, gets)]
    seen = [
        get(token, f"/v1/incidents/{stream}", If_None_Match=tag)
        for stream, tag in zip(there.of(SMALL), tags, strict=True)
    ]
    by_four = [get(there.tokens[each], f"/v1/incidents/{id_}") for each, id_ in there.streams]
    asked = partial(turn, clients=_CLIENTS, lasting_s=lasting_s)
    return {
        "get": partial(asked, ours, gets),
        "plain_get": partial(asked, plain, gets),
        "get_of_four_organizations": partial(asked, ours, by_four),
        "not_modified": partial(asked, ours, seen, statuses=(304,)),
        "list50": partial(asked, ours, [get(token, _LIST)]),
        "plain_list50": partial(asked, plain, [get(token, _LIST)]),
    }


def _alone(ours: Web, uncached: Web, there: Shown, lasting_s: float) -> Mapping[str, Turn]:
    """One client: how long each answer takes."""
    token, position = there.tokens[SMALL], f"min_position={there.last_position}"
    one = f"/v1/incidents/{there.of(SMALL)[0]}"
    asked = partial(turn, clients=1, lasting_s=lasting_s / 3)
    facets = [get(there.tokens[LARGE], _FACETS)]
    return {
        "get_with_and_without": partial(
            asked, ours, [get(token, one), get(token, f"{one}?{position}")]
        ),
        "list50_with_and_without": partial(
            asked, ours, [get(token, _LIST), get(token, f"{_LIST}&{position}")]
        ),
        "facets_kept": partial(asked, ours, facets),
        "facets_computed": partial(asked, uncached, facets),
    }


def _gets(there: Shown) -> list[bytes]:
    return [get(there.tokens[SMALL], f"/v1/incidents/{stream}") for stream in there.of(SMALL)]


def _kept(server: BenchServer, ours: Web, there: Shown) -> dict[str, str]:
    """What ours has answered, for the routes without a database."""
    found = answers(ours, _gets(there))
    [page] = answers(ours, [get(there.tokens[SMALL], _LIST)])
    documents = (answer.body.decode() for answer in found)
    kept = {
        "documents": dict(zip(map(str, there.of(SMALL)), documents, strict=True)),
        "page": page.body.decode(),
    }
    path = server.folder / "answers.json"
    path.write_text(json.dumps(kept))
    key = server.settings.master_secret().key("tokens").hex()
    return {plain_web.KEY: key, plain_web.KEPT: str(path)}


def _median_us(turns: Sequence[Measured]) -> float:
    return 1e6 * median(turn.seconds / turn.count for turn in turns)


def _p50_ms(turns: Sequence[Measured]) -> float:
    return median(turn.wait_ms(0.5) for turn in turns)


def _added_ms(turns: Sequence[Measured]) -> float:
    """How much longer every other answer took; the first of them is one of these."""
    return 1000 * median(median(turn.waits[::2]) - median(turn.waits[1::2]) for turn in turns)


def _ratios(found: Mapping[str, float]) -> dict[str, float]:
    return {
        "get_vs_no_database": found["get_us"] / found["plain_get_us"],
        "get_of_four_vs_no_database": (
            found["get_of_four_organizations_us"] / found["plain_get_us"]
        ),
        "list50_vs_no_database": found["list50_us"] / found["plain_list50_us"],
        "not_modified_vs_no_database": found["not_modified_us"] / found["plain_get_us"],
        "facets_computed_vs_kept": (found["facets_computed_p50_ms"] / found["facets_kept_p50_ms"]),
    }
