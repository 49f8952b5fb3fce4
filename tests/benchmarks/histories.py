"""Logs that are there before a turn begins: incidents of four organizations with notes."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice, product
from typing import Any, LiteralString
from uuid import UUID

import psycopg

from tests.benchmarks.forklift import ACTOR, PEOPLE, TENANTS, Keys, Reports
from write_model.incident.events import IncidentImpactSet, NoteAdded
from write_model.kernel.ids import new_id
from write_model.kernel.messages import Event
from write_model.kernel.personal import Clear, Place, seal
from write_model.kernel.serialization import encode
from write_model.kernel.settings import APP, Settings
from write_model.kernel.store.group_commit import GroupCommit
from write_model.kernel.store.recorded_event import Append, RecordedEvent

NOTE = "Absorbent laid out; the fitter from the service desk is on his way to aisle 12."
IMPACT = "The aisle is closed; one person slipped on the oil."
_AT_ONCE = 32

_COPY: LiteralString = (
    "COPY log.events (originator_id, originator_version, topic, state, notification_id, epoch,"
    " tenant_id, tenant_position, number, actor_id, command_id, correlation_id, recorded_at,"
    " occurred_at, source, schema_version, salt) FROM STDIN (FORMAT binary)"
)
_COPIED_TYPES = (
    *("uuid", "int8", "text", "bytea", "int8", "int4", "uuid", "int8", "int8"),
    *("uuid", "uuid", "uuid", "timestamptz", "timestamptz", "text", "int2", "bytea"),
)


async def write_histories(
    settings: Settings,
    keys: Keys,
    *,
    streams: int,
    events: int,
    tenants: Sequence[UUID] = TENANTS,
    sealed_throughout: bool = False,
) -> list[tuple[UUID, UUID]]:
    """Incidents of so many events each; (tenant, stream) of all, in the order of their making.

    One of three beginnings is sealed; `sealed_throughout`: so is one of three events after them.
    """
    begun = _begun(keys, streams, tenants)
    rows = _grown(keys, begun, events, sealed_throughout=sealed_throughout)
    log = GroupCommit(settings.conninfo(APP), settings)
    try:
        for group in _groups(list(rows), 100 * _AT_ONCE):
            await asyncio.gather(*(log.append(Append(tuple(g))) for g in _by_tenant(group)))
    finally:
        await log.close()
    return [(row.tenant, UUID(str(row.originator_id))) for row in begun]


def copy_histories(conninfo: str, keys: Keys, *, streams: int, events: int, under_way: int) -> None:
    """With one event of three sealed, by a superuser's COPY into an empty log: 30 s a million.

    `under_way`: so many incidents go on at a time; when they are over the next begin.
    """
    begun = _begun(keys, streams)
    rows = (
        row
        for group in _groups(begun, under_way)
        for row in _grown(keys, group, events, sealed_throughout=True)
    )
    with psycopg.connect(conninfo, autocommit=True) as connection:
        with connection.cursor().copy(_COPY) as copy:
            copy.set_types(_COPIED_TYPES)
            for copied in _copied(rows):
                copy.write_row(copied)
        connection.execute("VACUUM ANALYZE log.events")


def _copied(rows: Iterable[RecordedEvent]) -> Iterator[tuple[Any, ...]]:
    now = datetime.now(UTC)
    positions: Counter[UUID] = Counter()
    numbers: Counter[UUID] = Counter()
    for position, row in enumerate(rows, start=1):
        positions[row.tenant] += 1
        numbers[row.tenant] += row.originator_version == 1
        number = numbers[row.tenant] if row.originator_version == 1 else None
        stored = row.originator_id, row.originator_version, row.topic, row.state
        where = position, 1, row.tenant, positions[row.tenant], number
        why = row.actor, row.command, row.correlation
        yield *stored, *where, *why, now, now, row.source, 1, row.salt


def _begun(keys: Keys, streams: int, tenants: Sequence[UUID] = TENANTS) -> list[RecordedEvent]:
    return [command.rows[0] for command in islice(Reports(keys, tenants).commands(), streams)]


def _grown(
    keys: Keys, begun: Sequence[RecordedEvent], events: int, *, sealed_throughout: bool
) -> Iterator[RecordedEvent]:
    """Version by version, as a log grows: the events of one stream never stand together."""
    yield from begun
    for turn, (version, row) in enumerate(product(range(2, events + 1), begun)):
        if sealed_throughout and turn % 3 == 0:
            yield injury(keys, row, version, PEOPLE[turn % len(PEOPLE)])
        else:
            yield _note(row, version)


def _note(first: RecordedEvent, version: int) -> RecordedEvent:
    return _later(first, version, new_id(), NoteAdded(note=new_id(), text=NOTE))


def injury(keys: Keys, first: RecordedEvent, version: int, person: UUID) -> RecordedEvent:
    command = new_id()
    place = Place(first.tenant, UUID(str(first.originator_id)), command, "injured")
    key, salt = keys[first.tenant, person], os.urandom(16)
    sealed = seal(Clear(person, "Jonas Lindqvist"), key, place, salt=salt)
    return _later(first, version, command, IncidentImpactSet(impact=IMPACT, injured=sealed))


def _later(first: RecordedEvent, version: int, command: UUID, event: Event) -> RecordedEvent:
    return RecordedEvent(
        first.originator_id,
        version,
        event.topic,
        encode(event),
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
