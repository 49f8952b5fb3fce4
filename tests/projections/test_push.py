"""What the ring promises: dense, bounded, and nobody waits for anybody else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from pydantic_core import from_json

from projections.push import Message, Ring
from read_model.log_headers import Header

WAREHOUSE, HARBOR, FORKLIFT = UUID(int=1), UUID(int=2), UUID(int=3)
MARA = UUID(int=4)


def leak(position: int, tenant: UUID = WAREHOUSE) -> Header:
    return Header(
        topic="incident.declared",
        stream=FORKLIFT,
        version=position,
        position=100 + position,
        tenant=tenant,
        tenant_position=position,
        number=42,
        actor=MARA,
        recorded_at=datetime(2026, 3, 2, 8, 15, tzinfo=UTC),
        occurred_at=datetime(2026, 3, 2, 8, 10, tzinfo=UTC),
        schema_version=1,
        fields=("title", "severity"),
        epoch=1,
    )


def positions(messages: list[Message] | None) -> list[int] | None:
    return None if messages is None else [message.position for message in messages]


def test_a_message_carries_ids_and_names_of_fields_in_a_cloud_events_envelope() -> None:
    ring = Ring()
    ring.publish([leak(1)])
    [message] = ring.after(WAREHOUSE, 0, at_most=10) or []
    assert from_json(message.text) == {
        "specversion": "1.0",
        "id": f"{FORKLIFT}/1",
        "source": f"/v1/organizations/{WAREHOUSE}",
        "type": "incident.declared",
        "subject": str(FORKLIFT),
        "time": "2026-03-02T08:15:00Z",
        "position": 1,
        "epoch": 1,
        "version": 1,
        "tenant": str(WAREHOUSE),
        "actor": str(MARA),
        "occurred_at": "2026-03-02T08:10:00Z",
        "schema_version": 1,
        "reference": "INC-42",
        "changed": ["title", "severity"],
    }


def test_what_has_no_references_is_told_without_one() -> None:
    ring = Ring()
    ring.publish([replace(leak(1), topic="membership.invited")])
    [message] = ring.after(WAREHOUSE, 0, at_most=10) or []
    assert from_json(message.text)["reference"] is None


def test_everybody_reads_at_a_pace_of_their_own() -> None:
    ring = Ring()
    ring.publish([leak(n) for n in range(1, 6)])
    assert positions(ring.after(WAREHOUSE, 0, at_most=2)) == [1, 2]
    assert positions(ring.after(WAREHOUSE, 3, at_most=10)) == [4, 5]
    assert positions(ring.after(WAREHOUSE, 5, at_most=10)) == []
    assert positions(ring.after(WAREHOUSE, 9, at_most=10)) == []


def test_what_was_never_or_is_no_longer_in_the_ring_is_none() -> None:
    ring = Ring(at_most=2)
    assert ring.after(WAREHOUSE, 0, at_most=10) is None
    ring.publish([leak(n) for n in range(1, 6)])
    assert ring.after(WAREHOUSE, 2, at_most=10) is None
    assert positions(ring.after(WAREHOUSE, 3, at_most=10)) == [4, 5]


def test_all_organizations_share_the_room() -> None:
    ring = Ring(at_most=3)
    ring.publish([leak(1), leak(1, HARBOR), leak(2), leak(3)])
    assert positions(ring.after(WAREHOUSE, 1, at_most=10)) == [2, 3]
    assert positions(ring.after(HARBOR, 0, at_most=10)) == [1]


def test_whoever_is_caught_up_has_missed_nothing_when_others_fill_the_ring() -> None:
    ring = Ring(at_most=2)
    ring.publish([leak(1), leak(2)])
    ring.publish([leak(n, HARBOR) for n in range(1, 4)])
    assert positions(ring.after(WAREHOUSE, 2, at_most=10)) == []
    assert ring.after(WAREHOUSE, 1, at_most=10) is None
    ring.publish([leak(2), leak(3)])
    assert positions(ring.after(WAREHOUSE, 2, at_most=10)) == [3]


async def test_a_cleared_ring_begins_anew_on_another_branch() -> None:
    ring = Ring()
    ring.publish([leak(1), leak(2)])
    assert await ring.stirred() == {WAREHOUSE}
    branch = ring.branch
    ring.clear()
    assert (await ring.stirred(), ring.branch != branch) == ({WAREHOUSE}, True)
    assert ring.after(WAREHOUSE, 2, at_most=10) is None
    ring.publish([leak(2)])
    assert positions(ring.after(WAREHOUSE, 1, at_most=10)) == [2]


def test_what_comes_twice_is_taken_once() -> None:
    ring = Ring()
    ring.publish([leak(1), leak(2)])
    ring.publish([leak(2), leak(3)])
    assert positions(ring.after(WAREHOUSE, 0, at_most=10)) == [1, 2, 3]


def test_behind_a_gap_the_ring_begins_anew() -> None:
    ring = Ring()
    ring.publish([leak(1), leak(1, HARBOR), leak(5)])
    assert ring.after(WAREHOUSE, 1, at_most=10) is None
    assert positions(ring.after(WAREHOUSE, 4, at_most=10)) == [5]
    assert positions(ring.after(HARBOR, 0, at_most=10)) == [1]


async def test_fallen_silent_it_tells_all_who_follow_and_goes_on_where_it_was() -> None:
    ring = Ring()
    ring.publish([leak(1)])
    await ring.stirred()
    ring.fall_silent()
    assert (await ring.stirred(), ring.is_silent) == ({WAREHOUSE}, True)
    ring.speak()
    ring.publish([leak(2)])
    assert (positions(ring.after(WAREHOUSE, 0, at_most=10)), ring.is_silent) == ([1, 2], False)


async def test_it_tells_where_something_is_new() -> None:
    ring = Ring()
    ring.publish([])
    waiting = asyncio.create_task(ring.stirred())
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    ring.publish([leak(1), leak(2)])
    ring.publish([leak(1, HARBOR)])
    assert await waiting == {WAREHOUSE, HARBOR}


def test_where_the_log_ends_the_ring_goes_on() -> None:
    ring = Ring()
    ring.begin(WAREHOUSE, 7)
    assert positions(ring.after(WAREHOUSE, 7, at_most=10)) == []
    assert ring.after(WAREHOUSE, 6, at_most=10) is None
    ring.publish([leak(7), leak(8)])
    ring.begin(WAREHOUSE, 3)
    assert positions(ring.after(WAREHOUSE, 7, at_most=10)) == [8]


def test_it_knows_how_far_it_is_ahead_of_a_subscriber() -> None:
    ring = Ring()
    assert ring.ahead_of(WAREHOUSE, 7) == 0
    ring.publish([leak(8), leak(9)])
    assert [ring.ahead_of(WAREHOUSE, position) for position in (7, 9, 12)] == [2, 0, 0]
