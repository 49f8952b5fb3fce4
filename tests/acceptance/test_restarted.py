"""While the api is replaced again and again, no request fails and no push is lost or doubled."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.acceptance.crowd import Crowd, crowd, every_push_has_come_once
from tests.acceptance.stack import PATIENT, Stack, fresh_stack
from tests.acceptance.test_killed import every_command_is_in_the_log_once
from workers.launcher.restarting import restart

Tell = Callable[[str], None]


def restarted(stack: Stack) -> float:
    """How long it took."""
    began = time.monotonic()
    restart(stack.home)
    return time.monotonic() - began


def nothing_is_lost(*, times: int, processes: int, per_s: float, tell: Tell) -> None:
    with fresh_stack("--workers", str(processes), settings=PATIENT) as stack:
        people = crowd(stack, per_s=per_s, followers=10)
        with people.busy():
            slowest_s = max(restarted(stack) for _ in range(times))
        held = f"{times} rolling restarts of {processes} processes, each within {slowest_s:.1f} s"
        tell(f"{held}; {_told(people)}")
        assert people.failed() == Counter()
        events = every_command_is_in_the_log_once(people.load.person, people.load)
        every_push_has_come_once(people, [event["position"] for event in events])
        assert {code for each in people.followers.each for code in each.closed} == {"1012"}


def _told(people: Crowd) -> str:
    load, reading, followers = people.load, people.reading, people.followers.each
    failed = people.failed()
    refused = (load.repeated + reading.failed).total() - failed.total()
    closed = sum((each.closed for each in followers), Counter[str]())
    slowest = max(each.took_s for each in load.acknowledged)
    return (
        f"{len(load.acknowledged)} commands and {len(reading.answered_s)} reads,"
        f" {failed.total()} failed {dict(failed)}, {refused} refused connections were repeated,"
        f" slowest {slowest:.2f} and {max(reading.answered_s):.2f} s;"
        f" {len(followers)} subscribers closed {dict(closed)} times got"
        f" {sum(len(each.positions) for each in followers)} pushes, none lost, doubled or misplaced"
    )


@pytest.mark.timeout(180)
def test_a_restart_fails_no_request_and_loses_no_push(tell: Tell) -> None:
    nothing_is_lost(times=2, processes=2, per_s=20, tell=tell)


@pytest.mark.exhaustive
@pytest.mark.timeout(1_200)
def test_fifty_restarts_fail_no_request_and_lose_no_push(tell: Tell) -> None:
    nothing_is_lost(times=50, processes=2, per_s=40, tell=tell)
