"""What waits is taken in turns, bounded, and never twice at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.write_model.kernel.store.writing import NORTH, SOUTH, key, rows
from write_model.kernel.errors import Overloaded
from write_model.kernel.store.queue import FairQueue, Waiting
from write_model.kernel.store.recorded_event import Append

STREAMS = [UUID(int=number) for number in range(1, 5)]
MANY = 1 << 30


def waiting(command: Append) -> Waiting:
    # Nobody awaits these verdicts, so the loop of the future never runs.
    return Waiting(command, asyncio.Future(loop=_LOOP), deadline=0.0)


_LOOP = asyncio.new_event_loop()


def queue_of(*commands: Append, rows_per_tenant: int = 1_000) -> FairQueue:
    queue = FairQueue(rows_per_tenant=rows_per_tenant)
    for command in commands:
        queue.put(waiting(command))
    return queue


def batches(
    queue: FairQueue, *, commands: int = MANY, rows: int = MANY, size: int = MANY
) -> list[list[Append]]:
    taken: list[list[Append]] = []
    while queue:
        batch = queue.take(commands=commands, rows=rows, size=size)
        taken.append([one.command for one in batch.waiting])
        queue.settled(batch)
    return taken


def test_tenants_take_turns() -> None:
    norths = [Append(rows(stream, tenant=NORTH)) for stream in STREAMS[:3]]
    south = Append(rows(STREAMS[3], tenant=SOUTH))
    queue = queue_of(*norths, south)
    assert batches(queue, rows=2) == [[norths[0], south], norths[1:]]


def test_a_batch_ends_when_it_has_rows_or_bytes_enough() -> None:
    commands = [Append(rows(stream, 1, 2)) for stream in STREAMS]
    assert [len(batch) for batch in batches(queue_of(*commands), rows=3)] == [2, 2]
    assert [len(batch) for batch in batches(queue_of(*commands), size=1)] == [1, 1, 1, 1]


def test_one_tenants_rows_are_bounded_and_leave_room_to_others() -> None:
    queue = queue_of(Append(rows(STREAMS[0], 1, 2)), rows_per_tenant=3)
    with pytest.raises(Overloaded):
        queue.put(waiting(Append(rows(STREAMS[1], 1, 2))))
    queue.put(waiting(Append(rows(STREAMS[1]))))
    queue.put(waiting(Append(rows(STREAMS[2], 1, 2, 3, tenant=SOUTH))))
    queue.take(commands=MANY, rows=MANY, size=MANY)
    queue.put(waiting(Append(rows(STREAMS[3], 1, 2, 3))))


def test_what_waits_for_the_next_batch_still_counts() -> None:
    queue = queue_of(Append(rows(STREAMS[0])), Append(rows(STREAMS[0], 2, 3)), rows_per_tenant=3)
    queue.take(commands=MANY, rows=MANY, size=MANY)
    with pytest.raises(Overloaded):
        queue.put(waiting(Append(rows(STREAMS[1], 1, 2))))


def test_a_key_or_a_cause_is_once_in_a_batch() -> None:
    keyed = [Append(rows(stream), key()) for stream in STREAMS[:2]]
    assert batches(queue_of(*keyed)) == [[one] for one in keyed]
    caused = [Append(rows(stream), cause=("desk", "7")) for stream in STREAMS[:2]]
    assert batches(queue_of(*caused)) == [[one] for one in caused]
    theirs = Append(rows(STREAMS[2], tenant=SOUTH), key(), ("desk", "7"))
    assert batches(queue_of(keyed[0], theirs)) == [[keyed[0], theirs]]


def test_what_is_on_its_way_is_touched_by_nobody_until_it_is_settled() -> None:
    first, second = Append(rows(STREAMS[0])), Append(rows(STREAMS[0], 2))
    queue = queue_of(first, second)
    sent = queue.take(commands=1, rows=MANY, size=MANY)
    assert queue.take(commands=MANY, rows=MANY, size=MANY).waiting == []
    queue.settled(sent)
    assert batches(queue) == [[second]]


def test_who_waits_is_overtaken_by_nobody_on_the_same_stream() -> None:
    one, two = STREAMS[:2]
    first, both, last = Append(rows(one)), Append(rows(one, 2) + rows(two)), Append(rows(two, 2))
    assert batches(queue_of(first, both, last)) == [[first], [both], [last]]


TENANTS = st.sampled_from([NORTH, SOUTH, UUID(int=0xE0)])


def _on(tenant: UUID, streams: list[UUID], keyed: bool) -> Append:
    written = tuple(row for stream in streams for row in rows(stream, tenant=tenant))
    return Append(written, key() if keyed else None)


COMMANDS = st.builds(
    _on,
    TENANTS,
    st.lists(st.sampled_from(STREAMS), min_size=1, max_size=3, unique=True),
    st.booleans(),
)


@given(st.lists(COMMANDS, max_size=40), st.integers(1, 6), st.integers(1, 12))
def test_nothing_is_lost_nothing_comes_twice_and_nobody_is_overtaken(
    commands: list[Append], most_rows: int, most_bytes: int
) -> None:
    queue = queue_of(*commands)
    taken = batches(queue, rows=most_rows, size=most_bytes)
    assert Counter(id(one) for batch in taken for one in batch) == Counter(map(id, commands))
    order = {id(one): at for at, one in enumerate(commands)}
    for tenant in {one.rows[0].tenant for one in commands}:
        for stream in STREAMS:
            own = [
                order[id(one)]
                for batch in taken
                for one in batch
                if one.rows[0].tenant == tenant
                and stream in {row.originator_id for row in one.rows}
            ]
            assert all(before < after for before, after in pairwise(own))
    for batch in taken:
        streams = [row.originator_id for one in batch for row in one.rows]
        assert len(streams) == len(set(streams))
