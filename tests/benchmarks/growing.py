"""A log that has grown for years: incidents of one organization, projected by a rebuild."""

from __future__ import annotations

import sys
import time
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import LiteralString
from uuid import UUID

import psycopg
import uvloop

from projections.catalog import CATALOG
from projections.engine.progress import Progress
from projections.engine.rebuilding import Rebuild
from tests.benchmarks.injuries import tell_with_injuries
from tests.benchmarks.product import accounts, joined
from tests.benchmarks.server import BenchServer
from workers.importing.generator import PEOPLE
from workers.importing.generator_words import person_name
from workers.importing.inventing import in_processes
from workers.importing.telling import Teller
from workers.projector.collector import spare_collector
from write_model.accounts import NamedPerson
from write_model.kernel.access import Actor, Role, system_actor
from write_model.kernel.ids import derived_id
from write_model.kernel.settings import TAILER, Settings
from write_model.opening import opened
from write_model.organization.commands import FoundOrganization

HARBOR = derived_id("organization", "harbor")
SOURCE = "demo"
_SEED = 1
_TELL_EVERY_S = 15.0

# As if a projector had been there from the beginning: what is shown is made by the rebuild.
_APPLIED: LiteralString = (
    "UPDATE projections.checkpoint SET position = coalesce("
    "(SELECT max(e.notification_id) FROM log.events e), 0)"
)


@dataclass(frozen=True, slots=True)
class Grown:
    """`owner`: of the organization, who may import and read."""

    owner: UUID
    events: int
    growing_s: float
    rebuilding_s: float


def grown(server: BenchServer, incidents: int) -> Grown:
    """Write incidents as `tallystick demo` does, with injured persons; then make what is shown."""
    began = time.perf_counter()
    owner, events = uvloop.run(_told(server.settings, incidents))
    told = time.perf_counter()
    _rebuild(server)
    rebuilt = time.perf_counter()
    server.vacuum()
    return Grown(owner, events, told - began, rebuilt - told)


async def _told(settings: Settings, incidents: int) -> tuple[UUID, int]:
    teller, told = await _teller(settings), Aloud("incidents", incidents)
    events = cases = 0
    blocks = in_processes(teller, incidents, tell=tell_with_injuries)
    async with aclosing(blocks):
        async for block in blocks:
            cases += block.cases
            events = max(events, block.position)
            told.reached(cases, f"{events:,} events")
    return teller.by.id, events


async def _teller(settings: Settings) -> Teller:
    names = [person_name(number) for number in range(PEOPLE)]
    async with opened(settings) as parts:
        founding = FoundOrganization(name="Harbor Logistics")
        await parts.write_model.handle(HARBOR, founding, by=system_actor(HARBOR))
        owner = Actor(await joined(parts, HARBOR, Role.OWNER), HARBOR, frozenset({Role.OWNER}))
        named = [NamedPerson(name, SOURCE, name) for name in names]
        listed = await accounts(parts).list_people(named, by=owner)
    people = {name: one.subject for name, one in zip(names, listed, strict=True)}
    by = Actor(owner.id, HARBOR, owner.roles, source="import")
    return Teller(settings, by, SOURCE, _SEED, people)


def _rebuild(server: BenchServer) -> None:
    told = Aloud("positions", 0)

    def heard(progress: Progress) -> None:
        told.of = progress.total
        told.reached(progress.done, progress.phase.value)

    with psycopg.connect(server.admin(), autocommit=True) as connection:
        connection.execute(_APPLIED)
    spare_collector()
    options = "-c timezone=UTC"
    with psycopg.connect(server.ours(TAILER), autocommit=True, options=options) as connection:
        names = [projection.name for projection in CATALOG.projections]
        Rebuild(connection, CATALOG, heard).of(names)


@dataclass(slots=True)
class Aloud:
    """Says on stderr how far something has come, seldom."""

    what: str
    of: int
    _began: float = field(default_factory=time.monotonic)
    _said: float = field(default_factory=time.monotonic)

    def reached(self, count: int, more: str) -> None:
        if (now := time.monotonic()) - self._said < _TELL_EVERY_S:
            return
        self._said = now
        per_s = count / (now - self._began)
        left_s = (self.of - count) / per_s if per_s else 0.0
        said = f"{count:,} of {self.of:,} {self.what}, {per_s:,.0f}/s, {left_s:,.0f} s left"
        print(f"{said} ({more})", file=sys.stderr, flush=True)
