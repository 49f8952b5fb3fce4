"""Of the projector, of what is parked and rebuilt: the same whichever process is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric

from api.exposition import cumulated, gauge, histogram
from read_model.health import is_stuck
from read_model.watching import SIZES, TIMES_S, RebuildUnderWay, Watched


def of_installation(found: Watched, rebuilds: Sequence[RebuildUnderWay]) -> Iterator[Metric]:
    yield from _of_the_projector(found)
    yield from _of_its_batches(found)
    yield from _of_what_is_parked(found)
    yield from _of_rebuilds(rebuilds)


def _of_the_projector(found: Watched) -> Iterator[Metric]:
    yield gauge("log_position", "The last position of the log.", found.head)
    yield gauge("projector_position", "The last position that is shown.", found.shown)
    yield gauge("projector_lag_events", "Events that are not shown yet.", found.behind)
    yield gauge(
        "projector_lag_seconds",
        "How long the oldest event that is not shown has waited.",
        found.waiting_s or 0.0,
    )
    yield gauge("projector_still_seconds", "How long the position has not moved.", found.still_s)
    yield gauge("projector_lease_held", "Whether a projector is running.", found.is_led)
    yield gauge("projector_paused", "Whether it was told to stop.", found.is_paused)
    yield gauge(
        "projector_stuck",
        "Whether the lag grows and the position does not move.",
        not found.is_paused and is_stuck(found.waiting_s, found.still_s),
    )
    yield gauge(
        "projector_events_per_second", "How fast events were applied lately.", found.events_per_s
    )


def _of_its_batches(found: Watched) -> Iterator[Metric]:
    yield histogram(
        "projector_batch_events",
        "Events in a batch, since the installation began.",
        cumulated(SIZES, found.sizes),
        found.events,
    )
    yield histogram(
        "projector_batch_seconds",
        "How long a batch took, from its reading to its commit.",
        cumulated(TIMES_S, found.times),
        found.busy_s,
    )


def _of_what_is_parked(found: Watched) -> Iterator[Metric]:
    yield gauge("dead_letter_records", "Records that are parked.", found.parked)
    yield gauge("dead_letter_events", "Events that wait in them.", found.parked_events)
    yield gauge("repairs_waiting", "Retries and skips that are not done yet.", found.asked)


def _of_rebuilds(rebuilds: Sequence[RebuildUnderWay]) -> Iterator[Metric]:
    labels = ("projections", "phase")
    done = GaugeMetricFamily(
        "tallystick_rebuild_done_events", "Events that a rebuild has passed.", labels=labels
    )
    goal = GaugeMetricFamily(
        "tallystick_rebuild_goal_events", "Events that it will have passed.", labels=labels
    )
    for about, (passed, total) in _summed(rebuilds).items():
        done.add_metric(about, passed)
        goal.add_metric(about, total)
    yield from (done, goal)


def _summed(rebuilds: Sequence[RebuildUnderWay]) -> dict[tuple[str, str], tuple[int, int]]:
    """Organizations ask for the same ones; a series may be told once only."""
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for each in rebuilds:
        about = ",".join(each.names), each.phase or each.state
        passed, total = sums.get(about, (0, 0))
        sums[about] = passed + each.done, total + each.total
    return sums
