"""What is measured, under the names that it has for whoever watches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from api.process import Pool, Process
from api.pushing.subscriber import POLICY, RESTARTING, TOO_SLOW
from api.requests_seen import RequestsSeen, Seen
from read_model.health import is_stuck
from read_model.watching import SIZES, TIMES_S, RebuildUnderWay, Watched
from write_model.kernel.measuring import Distribution
from write_model.kernel.store.group_commit import Counts


class _Found(Collector):
    """What was asked for this one answer."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = tuple(found)

    def collect(self) -> Iterable[Metric]:
        return self._found


def text_of(found: Iterable[Metric]) -> bytes:
    """In the text format, with what the operating system knows of this process."""
    registry = CollectorRegistry()
    registry.register(_Found(found))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def measures(at: Process, found: Watched, rebuilds: Sequence[RebuildUnderWay]) -> Iterator[Metric]:
    """Of the projector, of what is parked and rebuilt, and of this process."""
    yield from _of_the_projector(found)
    yield from _of_its_batches(found)
    yield from _of_what_is_parked(found)
    yield from _of_rebuilds(rebuilds)
    yield from _of_requests(at.seen)
    yield from _of_commits(at.write_model.log.counts)
    yield from _of_this_process(at)


def _of_the_projector(found: Watched) -> Iterator[Metric]:
    yield _gauge("log_position", "The last position of the log.", found.head)
    yield _gauge("projector_position", "The last position that is shown.", found.shown)
    yield _gauge("projector_lag_events", "Events that are not shown yet.", found.behind)
    yield _gauge(
        "projector_lag_seconds",
        "How long the oldest event that is not shown has waited.",
        found.waiting_s or 0.0,
    )
    yield _gauge("projector_still_seconds", "How long the position has not moved.", found.still_s)
    yield _gauge("projector_lease_held", "Whether a projector is running.", found.is_led)
    yield _gauge("projector_paused", "Whether it was told to stop.", found.is_paused)
    yield _gauge(
        "projector_stuck",
        "Whether the lag grows and the position does not move.",
        not found.is_paused and is_stuck(found.waiting_s, found.still_s),
    )
    yield _gauge(
        "projector_events_per_second", "How fast events were applied lately.", found.events_per_s
    )


def _of_its_batches(found: Watched) -> Iterator[Metric]:
    yield _histogram(
        "projector_batch_events",
        "Events in a batch, since the installation began.",
        _cumulated(SIZES, found.sizes),
        found.events,
    )
    yield _histogram(
        "projector_batch_seconds",
        "How long a batch took, from its reading to its commit.",
        _cumulated(TIMES_S, found.times),
        found.busy_s,
    )


def _of_what_is_parked(found: Watched) -> Iterator[Metric]:
    yield _gauge("dead_letter_records", "Records that are parked.", found.parked)
    yield _gauge("dead_letter_events", "Events that wait in them.", found.parked_events)
    yield _gauge("repairs_waiting", "Retries and skips that are not done yet.", found.asked)


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


def _of_requests(seen: RequestsSeen) -> Iterator[Metric]:
    """Errors are told by their class, which is what an alert asks for."""
    answers = CounterMetricFamily(
        "tallystick_http_requests",
        "Requests, by how they ended.",
        labels=("method", "route", "code"),
    )
    times = HistogramMetricFamily(
        "tallystick_http_request_seconds",
        "From a request's arrival to the end of its answer.",
        labels=("method", "route"),
    )
    for where, found in seen.by_route.items():
        for code, number in _answered(found):
            answers.add_metric((*where, code), number)
        buckets = _cumulated(found.times.bounds, found.times.counts)
        times.add_metric(where, buckets, found.times.total)
    yield from (answers, times)


def _answered(found: Seen) -> Iterator[tuple[str, int]]:
    """Only those that there were, but for successes, so that a share of them can be asked for."""
    for hundred, number in enumerate(found.codes):
        if number or hundred == 2:
            yield f"{hundred}xx" if hundred else "none", number


def _of_commits(counts: Counts) -> Iterator[Metric]:
    yield _counter("api_commands", "Commands that were sent to the log.", counts.commands)
    yield _counter("api_commits", "Batches in which they were sent.", counts.batches)
    yield _distribution("api_commit_commands", "Commands that share a commit.", counts.sizes)
    yield _distribution(
        "api_commit_wait_seconds",
        "How long a batch's first command has waited for its turn.",
        counts.waits_s,
    )
    yield _distribution(
        "api_commit_seconds", "How long a commit took, there and back.", counts.commits_s
    )


def _of_this_process(at: Process) -> Iterator[Metric]:
    budgets = at.budgets
    in_flight = GaugeMetricFamily(
        "tallystick_api_in_flight", "What is being answered at present.", labels=("kind",)
    )
    in_flight.add_metric(("command",), budgets.commands.held)
    in_flight.add_metric(("query",), budgets.queries.held)
    in_flight.add_metric(("stream",), budgets.streams.held)
    yield in_flight
    refused = CounterMetricFamily(
        "tallystick_api_refused_at_the_door", "Refused unread, 503.", labels=("kind",)
    )
    refused.add_metric(("command",), budgets.door.commands.refused)
    refused.add_metric(("query",), budgets.door.queries.refused)
    yield refused
    yield _gauge("api_ring_messages", "Messages kept for subscribers who resume.", at.ring.kept)
    yield _gauge(
        "api_farthest_behind_messages",
        "What the subscriber who is farthest behind has not got yet.",
        at.fan_out.farthest_behind(),
    )
    sent_away = CounterMetricFamily(
        "tallystick_api_subscribers_sent_away", "By the code of the close.", labels=("code",)
    )
    for code in (POLICY, RESTARTING, TOO_SLOW):
        sent_away.add_metric((str(code),), at.fan_out.closed[code])
    yield sent_away
    yield _counter(
        "api_access_log_dropped", "Accesses not written down.", at.identity.access_log.dropped
    )
    yield _of_pools(at.pools)


def _of_pools(pools: Mapping[str, Pool]) -> Metric:
    """Commands have two connections of their own besides."""
    connections = GaugeMetricFamily(
        "tallystick_api_pool", "Connections, and who waits for one.", labels=("pool", "state")
    )
    for name, pool in pools.items():
        found = pool.get_stats()
        for state in ("pool_max", "pool_size", "pool_available", "requests_waiting"):
            connections.add_metric((name, state), found.get(state, 0))
    return connections


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"tallystick_{name}", text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"tallystick_{name}", text, value=value)


def _distribution(name: str, text: str, found: Distribution) -> Metric:
    return _histogram(name, text, _cumulated(found.bounds, found.counts), found.total)


def _histogram(name: str, text: str, buckets: list[tuple[str, float]], total: float) -> Metric:
    return HistogramMetricFamily(f"tallystick_{name}", text, buckets=buckets, sum_value=total)


def _cumulated(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, Any]]:
    """Each bound with how many lie up to it; before the first batch there are no counts."""
    names = [*(str(float(bound)) for bound in bounds), "+Inf"]
    return list(zip(names, accumulate(counts or [0] * len(names)), strict=True))
