"""How long the projector waits before it asks again, and how it writes times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from projections.engine.waiting import pause_after
from projections.times import rfc3339


@pytest.mark.parametrize(
    ("silence_s", "pause_s"), [(0, 0.001), (1, 0.005), (10, 0.05), (50, 0.25), (9_000, 0.25)]
)
def test_the_longer_nothing_happens_the_longer_the_pause(silence_s: float, pause_s: float) -> None:
    assert pause_after(silence_s, events=0) == pytest.approx(pause_s)


def test_events_that_come_in_a_crowd_are_waited_for_a_little_longer() -> None:
    assert pause_after(0, events=1) == pytest.approx(0.001)
    assert pause_after(0, events=8) == pytest.approx(0.004)
    assert pause_after(0, events=500) == pytest.approx(0.012)


@pytest.mark.parametrize(("per_s", "pause_s"), [(500, 0.001), (3_500, 0.012)])
def test_pauses_grow_under_an_import_and_shrink_again_under_less(
    per_s: int, pause_s: float
) -> None:
    pause = 0.006  # After a batch that was neither small nor large.
    for _ in range(20):
        pause = pause_after(0, events=round(per_s * pause))
    assert pause == pytest.approx(pause_s)


def test_times_are_written_in_utc_wherever_they_come_from() -> None:
    moment = datetime(2026, 2, 3, 8, 15, 0, 250, tzinfo=UTC)
    berlin = moment.astimezone(timezone(timedelta(hours=1)))
    assert rfc3339(moment) == rfc3339(berlin) == "2026-02-03T08:15:00.000250Z"
