"""Folded records are remembered and brought forward."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from tests.write_model.incident.forklift import ACKNOWLEDGED, DECLARED
from write_model.incident.events import Status
from write_model.incident.incident import INCIDENT
from write_model.kernel.messages import Event, Recorded
from write_model.kernel.records import Record, Records
from write_model.membership.membership import MEMBERSHIP

TENANT, STREAM, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)
MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def recorded(event: Event, version: int) -> Recorded:
    return Recorded(
        event=event,
        topic=event.topic,
        stream=STREAM,
        version=version,
        position=version + 100,
        epoch=1,
        tenant=TENANT,
        tenant_position=version + 10,
        number=42 if version == 1 else None,
        actor=UUID(int=4),
        command=UUID(int=5),
        correlation=UUID(int=5),
        causation=None,
        recorded_at=MONDAY,
        occurred_at=MONDAY,
        source="api",
        schema_version=1,
    )


HISTORY = [recorded(DECLARED, 1), recorded(ACKNOWLEDGED, 2)]


@dataclass
class StreamsInMemory:
    """Answers from a list, and remembers from which versions it was asked."""

    history: list[Recorded]
    asked: list[int] = field(default_factory=list[int])
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.answers.set()

    async def newer(self, tenant: UUID, stream: UUID, *, after: int) -> Sequence[Recorded]:
        self.asked.append(after)
        await self.answers.wait()
        return [one for one in self.history if one.version > after and one.stream == stream]


def test_a_record_says_where_its_stream_stands() -> None:
    record = Record(INCIDENT.empty).after(HISTORY)
    assert record.state.status is Status.IN_PROGRESS
    assert (record.version, record.position, record.number) == (2, 12, 42)


async def test_only_what_is_new_is_read() -> None:
    streams = StreamsInMemory(HISTORY[:1])
    records = Records(streams, remembered=10)
    first = await records.fresh(TENANT, STREAM, INCIDENT)
    streams.history = HISTORY
    second = await records.fresh(TENANT, STREAM, INCIDENT)
    assert (first.version, second.version, streams.asked) == (1, 2, [0, 1])
    assert await records.fresh(TENANT, STREAM, INCIDENT) is second


async def test_a_record_that_is_not_there_is_not_remembered() -> None:
    records = Records(StreamsInMemory([]), remembered=10)
    assert (await records.fresh(TENANT, STREAM, INCIDENT)).version == 0
    assert records.known(TENANT, STREAM, INCIDENT) is None


async def test_what_is_evicted_is_read_from_the_start() -> None:
    streams = StreamsInMemory(HISTORY)
    records = Records(streams, remembered=10)
    await records.fresh(TENANT, STREAM, INCIDENT)
    records.evict(TENANT, STREAM)
    records.evict(TENANT, STREAM)
    assert (await records.fresh(TENANT, STREAM, INCIDENT)).version == 2
    assert streams.asked == [0, 0]


async def test_what_is_read_while_everything_is_forgotten_is_not_kept() -> None:
    streams = StreamsInMemory(HISTORY)
    records = Records(streams, remembered=10)
    await records.fresh(TENANT, STREAM, INCIDENT)
    records.clear()
    assert records.known(TENANT, STREAM, INCIDENT) is None

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        streams.answers.clear()
        reading = group.create_task(records.fresh(TENANT, STREAM, INCIDENT))
        await asyncio.sleep(0)
        records.clear()
        streams.answers.set()
    assert reading.result().version == 2
    assert records.known(TENANT, STREAM, INCIDENT) is None


async def test_what_is_read_together_while_everything_is_forgotten_is_not_kept() -> None:
    streams = StreamsInMemory(HISTORY)
    records = Records(streams, remembered=10)
    wanted = [(STREAM, INCIDENT), (OTHER, INCIDENT)]
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        streams.answers.clear()
        reading = group.create_task(records.read_together(TENANT, wanted))
        await asyncio.sleep(0)  # until it asks
        await asyncio.sleep(0)  # until both are being read
        assert len(streams.asked) == len(wanted)
        records.clear()
        streams.answers.set()
    assert reading.result()[0].version == 2
    assert [records.known(TENANT, stream, INCIDENT) for stream, _ in wanted] == [None, None]


async def test_a_record_of_another_kind_has_not_begun() -> None:
    """Its id stands in answers, so anybody may ask an incident's command of it."""
    records = Records(StreamsInMemory(HISTORY), remembered=10)
    for _ in range(2):
        assert (await records.fresh(TENANT, STREAM, INCIDENT)).version == 2
        assert await records.fresh(TENANT, STREAM, MEMBERSHIP) == Record(MEMBERSHIP.empty)
    assert records.known(TENANT, STREAM, MEMBERSHIP) is None
    assert records.known(TENANT, STREAM, INCIDENT) is not None


async def test_one_tenants_records_are_not_anothers() -> None:
    records = Records(StreamsInMemory(HISTORY), remembered=10)
    await records.fresh(TENANT, STREAM, INCIDENT)
    assert records.known(OTHER, STREAM, INCIDENT) is None
