"""Of one api process: its requests, commits, subscribers and connections, and what it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from api.exposition import counter, cumulated, distribution, gauge, labeled, text_of
from api.process import Pool, Process
from api.pushing.subscriber import OUT_OF_REACH, POLICY, RESTARTING, TOO_SLOW
from api.requests_seen import RequestsSeen, Seen
from write_model.kernel.store.group_commit import Counts


def figures_of(at: Process) -> bytes:
    """The text, in which every series says of which process it is."""
    return text_of(labeled(_of_process(at), process=at.siblings.place))


def _of_process(at: Process) -> Iterator[Metric]:
    yield from _of_requests(at.seen)
    yield from _of_commits(at.write_model.log.counts)
    yield from _of_its_work(at)
    # What the operating system knows of it.
    yield from ProcessCollector(registry=None).collect()


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
        buckets = cumulated(found.times.bounds, found.times.counts)
        times.add_metric(where, buckets, found.times.total)
    yield from (answers, times)


def _answered(found: Seen) -> Iterator[tuple[str, int]]:
    """Only those that there were, but for successes, so that a share of them can be asked for."""
    for hundred, number in enumerate(found.codes):
        if number or hundred == 2:
            yield f"{hundred}xx" if hundred else "none", number


def _of_commits(counts: Counts) -> Iterator[Metric]:
    yield counter("api_commands", "Commands that were sent to the log.", counts.commands)
    yield counter("api_commits", "Batches in which they were sent.", counts.batches)
    yield distribution("api_commit_commands", "Commands that share a commit.", counts.sizes)
    yield distribution(
        "api_commit_wait_seconds",
        "How long a batch's first command has waited for its turn.",
        counts.waits_s,
    )
    yield distribution(
        "api_commit_seconds", "How long a commit took, there and back.", counts.commits_s
    )


def _of_its_work(at: Process) -> Iterator[Metric]:
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
    yield gauge("api_ring_messages", "Messages kept for subscribers who resume.", at.ring.kept)
    yield gauge(
        "api_farthest_behind_messages",
        "What the subscriber who is farthest behind has not got yet.",
        at.fan_out.farthest_behind(),
    )
    sent_away = CounterMetricFamily(
        "tallystick_api_subscribers_sent_away", "By the code of the close.", labels=("code",)
    )
    for code in (POLICY, RESTARTING, TOO_SLOW, OUT_OF_REACH):
        sent_away.add_metric((str(code),), at.fan_out.closed[code])
    yield sent_away
    yield counter(
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
