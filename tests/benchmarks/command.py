"""Deciding: a note on a ten-event incident through the door, beside the library's application."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from itertools import count, cycle
from uuid import UUID

import psycopg
import uvloop

from api.serve import spare_the_collector
from tests.benchmarks import library, raw
from tests.benchmarks.conditions import conditions
from tests.benchmarks.forklift import ACTOR, TENANTS, Keys, subject_keys
from tests.benchmarks.histories import NOTE, write_histories
from tests.benchmarks.measuring import Measured, Turn, by_tasks, figures, take_turns
from tests.benchmarks.report import Report, Target
from tests.benchmarks.server import BenchServer, bench_server
from write_model.incident.commands.notes import AddNote
from write_model.incident.events import NoteAdded
from write_model.incident.incident import INCIDENT
from write_model.kernel.access import Actor, Role
from write_model.kernel.ids import new_id
from write_model.kernel.messages import IdempotencyKey
from write_model.kernel.serialization import encode
from write_model.kernel.settings import Settings
from write_model.opening import opened

TARGETS = {
    "command_cached_64_vs_library": Target(25, 40),
    "command_cached_64_vs_raw": Target(None, 1.6),
    "command_cold_64_vs_library": Target(None, 8),
}
_DIGEST = bytes(32)
_STREAMS, _THEIR_STREAMS, _EVENTS, _CALLERS = 4_000, 640, 10, 64


def run(*, rounds: int, lasting_s: float) -> Report:
    spare_the_collector()
    with bench_server() as server:
        told = conditions(server, rounds=rounds, lasting_s=lasting_s)
        told |= {"events_a_stream": _EVENTS, "streams": _STREAMS, "library_streams": _THEIR_STREAMS}
        keys = asyncio.run(subject_keys(server.settings))
        found = take_turns(
            _sides(server, keys, lasting_s), rounds=rounds, between=server.checkpoint
        )
    measured = figures(found)
    return Report("command", told, measured, _ratios(measured), TARGETS)


def _sides(server: BenchServer, keys: Keys, lasting_s: float) -> Mapping[str, Turn]:
    with psycopg.connect(server.admin(), autocommit=True) as connection:
        raw.make_table(connection, "singles")
    notes = [encode(NoteAdded(note=new_id(), text=NOTE)) for _ in range(_CALLERS)]
    noting = partial(_noting, server.settings, keys, lasting_s=lasting_s)
    theirs = partial(
        library.noting,
        server.library(),
        streams=_THEIR_STREAMS,
        events=_EVENTS,
        callers=_CALLERS,
        lasting_s=lasting_s,
    )
    return {
        "command_cached_64": partial(noting, cached=True),
        "library_cached_64": partial(theirs, cached=True),
        "raw_64": partial(
            raw.single_commits, server.ours(), notes, connections=_CALLERS, lasting_s=lasting_s
        ),
        "command_cold_64": partial(noting, cached=False),
        "library_cold_64": partial(theirs, cached=False),
    }


def _noting(settings: Settings, keys: Keys, *, cached: bool, lasting_s: float) -> Measured:
    return uvloop.run(_notes(settings, keys, cached=cached, lasting_s=lasting_s))


async def _notes(settings: Settings, keys: Keys, *, cached: bool, lasting_s: float) -> Measured:
    """Each caller walks over streams of its own, so that they stay about ten events long."""
    streams = await write_histories(settings, keys, streams=_STREAMS, events=_EVENTS)
    own = [cycle(streams[caller::_CALLERS]) for caller in range(_CALLERS)]
    numbers = count(time.time_ns())  # What clients send is made by them.
    actors = {tenant: _responder(tenant) for tenant in TENANTS}
    async with opened(settings) as open_:
        door = open_.write_model

        async def note(caller: int) -> None:
            tenant, stream = next(own[caller])
            if not cached:
                door.records.evict(tenant, stream)
            key = IdempotencyKey(f"note-{next(numbers)}", _DIGEST)
            await door.handle(stream, AddNote(text=NOTE), by=actors[tenant], key=key)

        await asyncio.gather(*(door.state(t, stream, INCIDENT) for t, stream in streams))
        return await by_tasks(note, callers=_CALLERS, lasting_s=lasting_s)


def _responder(tenant: UUID) -> Actor:
    return Actor(ACTOR, tenant, frozenset({Role.RESPONDER}))


def _ratios(measured: Mapping[str, float]) -> dict[str, float]:
    cached, cold = measured["command_cached_64_per_s"], measured["command_cold_64_per_s"]
    return {
        "command_cached_64_vs_library": cached / measured["library_cached_64_per_s"],
        "command_cached_64_vs_raw": cached / measured["raw_64_per_s"],
        "command_cold_64_vs_library": cold / measured["library_cold_64_per_s"],
        "command_p99_cached_64_vs_library": (
            measured["command_cached_64_p99_ms"] / measured["library_cached_64_p99_ms"]
        ),
    }
