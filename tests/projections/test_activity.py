"""What projectors did is counted over all of them: how much a batch held, how long it took."""

from __future__ import annotations

import pytest

from projections.engine.activity import Activity
from projections.engine.log import Connection
from read_model.watching import SIZES, TIMES_S, Watched, watch


@pytest.fixture
def tailer(log: Connection) -> Connection:
    log.execute("SET ROLE tallystick_tailer")
    return log


def watched(tailer: Connection) -> Watched:
    return watch(tailer)[0]


def test_before_the_first_batch_there_is_nothing_to_tell(tailer: Connection) -> None:
    activity = Activity(since_s=0.0)
    activity.tell(tailer, 1.0)
    found = watched(tailer)
    assert (found.batches, found.told_s, found.events_per_s, found.sizes) == (0, None, 0.0, [])


def test_batches_of_all_projectors_add_up(tailer: Connection) -> None:
    first, second = Activity(since_s=0.0), Activity(since_s=7.0)
    first.add(1, 0.001)
    first.add(4, 0.0011)
    first.tell(tailer, 2.0)
    second.add(501, 2.0)
    second.tell(tailer, 10.0)
    found = watched(tailer)
    assert (found.batches, found.events, round(found.busy_s, 4)) == (3, 506, 2.0021)
    assert (found.last_events, found.last_s) == (501, 2.0)
    assert dict(zip((*SIZES, None), found.sizes, strict=True)) == {
        **dict.fromkeys((*SIZES, None), 0),
        1: 1,
        10: 1,
        None: 1,
    }
    assert dict(zip((*TIMES_S, None), found.times, strict=True)) == {
        **dict.fromkeys((*TIMES_S, None), 0),
        0.001: 1,
        0.0025: 1,
        None: 1,
    }


def test_the_rate_is_that_of_the_time_since_it_was_told_last(
    log: Connection, tailer: Connection
) -> None:
    activity = Activity(since_s=0.0)
    activity.tell(tailer, 8.0)
    activity.add(30, 0.5)
    activity.tell(tailer, 10.0)
    activity.tell(tailer, 20.0)
    assert watched(tailer).events_per_s == 15.0
    log.execute("UPDATE projections.activity SET told_at = told_at - interval '6 s'")
    assert watched(tailer).events_per_s == 0.0
