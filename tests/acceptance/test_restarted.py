"""While the api is replaced again and again, no request fails and no push is lost or doubled."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.acceptance.followers import Follower, Followers
from tests.acceptance.load import Load
from tests.acceptance.reading import Reading
from tests.acceptance.stack import Stack, fresh_stack
from tests.acceptance.test_killed import every_command_is_in_the_log_once
from tests.embedded import until
from workers.launcher.restarting import restart

Tell = Callable[[str], None]

REFUSED = {"ConnectError"}
"""What a client may repeat without a thought: nobody has heard him."""


@dataclass(slots=True)
class Crowd:
    """Everybody who uses the stack meanwhile."""

    load: Load
    reading: Reading
    followers: Followers
    took_s: list[float] = field(default_factory=list[float])

    @contextmanager
    def busy(self) -> Generator[None]:
        """Until the block ends and everybody has all that is coming to him."""
        work = (self.load.run, self.reading.run, self.followers.run)
        threads = [threading.Thread(target=each) for each in work]
        for thread in threads:
            thread.start()
        try:
            until(lambda: len(self.load.acknowledged) > 5, "commands are acknowledged")
            yield
            self.load.stop()
            threads[0].join()
            last = max(each.position for each in self.load.acknowledged)
            until(lambda: self.followers.have_got_to(last), "every push has come")
        finally:
            for each in (self.load, self.reading, self.followers):
                each.stop()
            for thread in threads:
                thread.join()

    def failed(self) -> Counter[str]:
        found = self.load.repeated + self.reading.failed
        return Counter({why: times for why, times in found.items() if why not in REFUSED})


def crowd(stack: Stack, *, per_s: float, followers: int) -> Crowd:
    owner = stack.owner()
    following = Followers([Follower(owner) for _ in range(followers)])
    return Crowd(Load(owner, per_s), Reading(owner, per_s), following)


def restarted(stack: Stack, people: Crowd, *, times: int) -> None:
    with people.busy():
        for _ in range(times):
            began = time.monotonic()
            restart(stack.home)
            people.took_s.append(time.monotonic() - began)


def nothing_is_lost(*, times: int, processes: int, per_s: float, tell: Tell) -> None:
    with fresh_stack("--workers", str(processes)) as stack:
        people = crowd(stack, per_s=per_s, followers=10)
        restarted(stack, people, times=times)
        tell(_told(people, times=times, processes=processes))
        assert people.failed() == Counter()
        events = every_command_is_in_the_log_once(people.load.person, people.load)
        everything = [event["position"] for event in events]
        for each in people.followers.each:
            assert each.positions == everything
            assert each.misled == []
            assert each.closed.keys() == {"1012"}


def _told(people: Crowd, *, times: int, processes: int) -> str:
    load, reading, followers = people.load, people.reading, people.followers.each
    refused = sum((load.repeated + reading.failed).values()) - people.failed().total()
    closed = sum((each.closed for each in followers), Counter[str]())
    slowest = max(each.took_s for each in load.acknowledged)
    return (
        f"{times} rolling restarts of {processes} processes, each within"
        f" {max(people.took_s):.1f} s; {len(load.acknowledged)} commands and {reading.answered}"
        f" reads, {people.failed().total()} failed {dict(people.failed())}, {refused} refused"
        f" connections were repeated, slowest {slowest:.2f} and {reading.slowest_s:.2f} s;"
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
