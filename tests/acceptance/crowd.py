"""Everybody who uses a stack at once: commands, reads, and subscribers who resume."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.acceptance.followers import Follower, Followers
from tests.acceptance.load import Load
from tests.acceptance.reading import READ, Reading
from tests.acceptance.stack import Stack
from tests.embedded import until

REFUSED = {"ConnectError"}
"""What a client may repeat without a thought: nobody has heard him."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Each at his own pace, on a thread of his own."""

    load: Load
    reading: Reading
    followers: Followers

    @contextmanager
    def busy(self) -> Generator[None]:
        """Until the block ends and everybody has all that is coming to him."""
        work = (self.load.run, self.followers.run, self.reading.run)
        writing, following, reading = threads = [threading.Thread(target=each) for each in work]
        try:
            writing.start()
            following.start()
            until(lambda: len(self.load.acknowledged) > 5, "commands are acknowledged")
            until(lambda: self.load.person.status("GET", READ) == 200, "there is what is read")
            reading.start()
            yield
            self.load.stop()
            writing.join()
            last = max(each.position for each in self.load.acknowledged)
            until(lambda: self.followers.have_got_to(last), "every push has come")
        finally:
            for each in (self.load, self.reading, self.followers):
                each.stop()
            for thread in threads:
                if thread.ident:
                    thread.join()

    def failed(self) -> Counter[str]:
        found = self.load.repeated + self.reading.failed
        return Counter({why: times for why, times in found.items() if why not in REFUSED})


def crowd(stack: Stack, *, per_s: float, followers: int) -> Crowd:
    owner = stack.owner()
    following = Followers([Follower(owner) for _ in range(followers)])
    return Crowd(Load(owner, per_s), Reading(owner, per_s), following)


def every_push_has_come_once(people: Crowd, everything: list[int]) -> None:
    """To each subscriber, in order, and every farewell named where he was."""
    for each in people.followers.each:
        assert each.positions == everything
        assert each.misled == []
