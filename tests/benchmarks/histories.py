"""Logs that are there before a turn begins: incidents of four organizations with notes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from uuid import UUID

from tests.benchmarks.forklift import ACTOR, TENANTS, Keys, Reports
from write_model.incident.events import NoteAdded
from write_model.kernel.ids import new_id
from write_model.kernel.serialization import encode
from write_model.kernel.settings import APP, Settings
from write_model.kernel.store.group_commit import GroupCommit
from write_model.kernel.store.recorded_event import Append, RecordedEvent

NOTE = "Absorbent laid out; the fitter from the service desk is on his way to aisle 12."
_AT_ONCE = 32


async def write_histories(
    settings: Settings,
    keys: Keys,
    *,
    streams: int,
    events: int,
    tenants: Sequence[UUID] = TENANTS,
) -> list[tuple[UUID, UUID]]:
    """Incidents of so many events each; (tenant, stream) of all, in the order of their making."""
    begun = [command.rows[0] for command in islice(Reports(keys, tenants).commands(), streams)]
    # Version by version, as a log grows: the events of one stream never stand together.
    rows = [*begun, *(_note(row, version) for version in range(2, events + 1) for row in begun)]
    log = GroupCommit(settings.conninfo(APP), settings)
    try:
        for group in _groups(rows, 100 * _AT_ONCE):
            await asyncio.gather(*(log.append(Append(tuple(g))) for g in _by_tenant(group)))
    finally:
        await log.close()
    return [(row.tenant, UUID(str(row.originator_id))) for row in begun]


def _note(first: RecordedEvent, version: int) -> RecordedEvent:
    command = new_id()
    return RecordedEvent(
        first.originator_id,
        version,
        NoteAdded.topic,
        encode(NoteAdded(note=new_id(), text=NOTE)),
        tenant=first.tenant,
        actor=ACTOR,
        command=command,
        correlation=command,
        source="api",
        salt=os.urandom(16),
    )


def _groups(rows: Sequence[RecordedEvent], size: int) -> Iterator[Sequence[RecordedEvent]]:
    for at in range(0, len(rows), size):
        yield rows[at : at + size]


def _by_tenant(rows: Sequence[RecordedEvent]) -> Iterator[list[RecordedEvent]]:
    for tenant in TENANTS:
        own = [row for row in rows if row.tenant == tenant]
        for at in range(0, len(own), 100):
            yield own[at : at + 100]
