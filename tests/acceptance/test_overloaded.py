"""Three times what can be answered: what is accepted is answered in time, the rest told to wait."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
import uvloop

from tests.acceptance.stack import fresh_stack
from tests.benchmarks.offering import Generator, Offered
from tests.benchmarks.overload import TIMES, asked

Tell = Callable[[str], None]

CLIENTS, PEAK_S, OVERLOAD_S, INCIDENTS = 64, 4, 8, 30
AT_LEAST, AT_MOST_S = 0.7, 2.0
"""Wider than what the benchmark asks for: other tests share the machine."""


@pytest.mark.exhaustive
@pytest.mark.timeout(180)
def test_three_times_what_can_be_answered_costs_no_more_than_what_is_refused(tell: Tell) -> None:
    with fresh_stack() as stack:
        owner = stack.owner()
        declared = [
            owner.post("/v1/incidents", title=f"Forklift {number} leaks oil", severity="sev3")
            for number in range(INCIDENTS)
        ]
        requests = asked(owner.token, [UUID(each["id"]) for each in declared])

        def saturated() -> Offered:
            generator = Generator(stack.port, requests)
            return uvloop.run(generator.saturate(clients=CLIENTS, lasting_s=PEAK_S))

        saturated()
        peak = saturated()
        generator = Generator(stack.port, requests)
        offered = uvloop.run(generator.offer(per_s=TIMES * peak.per_s, lasting_s=OVERLOAD_S))
    goodput, waits = offered.per_s / peak.per_s, sorted(offered.waits)
    p99_s = waits[len(waits) * 99 // 100]
    tell(
        f"peak {peak.per_s:.0f}/s, offered {offered.sent / offered.seconds:.0f}/s:"
        f" {goodput:.2f} of the peak answered, p99 {1000 * p99_s:.0f} ms,"
        f" {offered.refused_share:.0%} refused"
    )
    assert (offered.lost, offered.unanswered, offered.odd) == (0, 0, 0), offered.statuses
    assert offered.refused > 0
    assert offered.without_advice == 0
    assert goodput >= AT_LEAST
    assert p99_s <= AT_MOST_S
