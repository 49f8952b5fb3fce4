"""What is there to be read: incidents of four organizations that one person may see, projected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
import uvloop

from projections.catalog import CATALOG
from projections.engine.checkpoint import Lease
from projections.engine.projector import Projector
from tests.benchmarks.forklift import ACTOR, TENANTS, subject_keys
from tests.benchmarks.histories import write_histories
from tests.benchmarks.product import token
from tests.benchmarks.server import BenchServer
from write_model.kernel.access import Role, system_actor
from write_model.kernel.ids import new_id
from write_model.kernel.settings import TAILER, Settings
from write_model.membership.commands import AddMember
from write_model.membership.membership import membership_stream
from write_model.opening import opened

STREAMS, EVENTS = 8_000, 4
"""Incidents of all four organizations, and how many events each has."""
SMALL, LARGE = TENANTS[0], TENANTS[1]
MORE = 50_000
"""Incidents of one event that only the large organization has."""

_READER = AddMember(subject=ACTOR, name="Ada Forklift", roles=frozenset({Role.INCIDENT_COMMANDER}))


@dataclass(frozen=True, slots=True)
class Shown:
    """`streams`: (organization, incident). `tokens`: the reader's, by organization."""

    streams: Sequence[tuple[UUID, UUID]]
    tokens: Mapping[UUID, str]
    last_position: int

    def of(self, tenant: UUID) -> list[UUID]:
        return [stream for each, stream in self.streams if each == tenant]


def shown(server: BenchServer) -> Shown:
    """Write everything and project it."""
    streams = uvloop.run(_written(server.settings))
    conninfo = server.ours(TAILER)
    with psycopg.connect(conninfo, autocommit=True, options="-c timezone=UTC") as connection:
        projector = Projector(connection, CATALOG, Lease(new_id()))
        while projector.step():
            pass
        projector.close()
    server.vacuum()
    with psycopg.connect(server.admin()) as admin:
        query = "SELECT max(tenant_position) FROM log.events WHERE tenant_id = %s"
        [(last,)] = admin.execute(query, (SMALL,)).fetchall()
    tokens = {tenant: token(server.settings, ACTOR, tenant) for tenant in TENANTS}
    return Shown(streams, tokens, last)


async def _written(settings: Settings) -> list[tuple[UUID, UUID]]:
    """The incidents' reporter is the reader, so that there is a name to fill in."""
    keys = await subject_keys(settings)
    async with opened(settings) as parts:
        for tenant in TENANTS:
            stream = membership_stream(tenant, ACTOR)
            await parts.write_model.handle(stream, _READER, by=system_actor(tenant))
    await write_histories(settings, keys, streams=MORE, events=1, tenants=[LARGE])
    return await write_histories(settings, keys, streams=STREAMS, events=EVENTS)
