"""A list, and what is pushed behind its position, make the whole: no gap, nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import pytest

from tests.acceptance.followers import Follower, Followers
from tests.acceptance.load import Load
from tests.acceptance.organizations import another_organization
from tests.acceptance.stack import Json, Person, Stack
from tests.embedded import until

LISTS, COMMANDS_BETWEEN = 10, 30


@dataclass(frozen=True, slots=True)
class Listed:
    """The list as it was shown at a position, and who follows from there."""

    versions: dict[str, int]
    """Incident -> version."""
    position: int
    follower: Follower


def listed(person: Person) -> Listed:
    answer = person.ask("GET", "/v1/incidents?limit=500&fields=id,version")
    items: list[Json] = answer.json()["items"]
    position = int(answer.headers["X-Position"])
    versions = {item["id"]: item["version"] for item in items}
    return Listed(versions, position, Follower(person, positions=[position]))


def versions_at(position: int, events: Iterable[Json]) -> dict[str, int]:
    """What a list must show that has all up to there, and nothing beyond."""
    return {
        event["subject"]: event["version"]
        for event in events
        if event["position"] <= position and event["type"].startswith("incident.")
    }


def listed_while_written(load: Load, beside: ThreadPoolExecutor) -> list[Listed]:
    """Each followed at once; all have got to the end of what was written."""
    writing = beside.submit(load.run)
    lists: list[Listed] = []
    following: list[Followers] = []
    try:
        for number in range(1, LISTS + 1):
            until(partial(_have_come, load, number * COMMANDS_BETWEEN), "more is there")
            lists.append(listed(load.person))
            following.append(Followers([lists[-1].follower]))
            beside.submit(following[-1].run)
        load.stop()
        writing.result()
        last = max(each.position for each in load.acknowledged)
        until(lambda: all(each.have_got_to(last) for each in following), "every push has come")
    finally:
        load.stop()
        for each in following:
            each.stop()
    return lists


def _have_come(load: Load, commands: int) -> bool:
    return len(load.acknowledged) >= commands


@pytest.mark.timeout(120)
def test_who_lists_and_follows_misses_nothing_and_sees_nothing_twice(
    stack: Stack, tell: Callable[[str], None]
) -> None:
    load = Load(another_organization(stack), per_s=100)
    with ThreadPoolExecutor(LISTS + 1) as beside:
        lists = listed_while_written(load, beside)
    last = max(each.position for each in load.acknowledged)
    events = list(load.person.events(min_position=last))
    for each in lists:
        assert each.versions == versions_at(each.position, events)
        assert each.follower.positions == list(range(each.position, events[-1]["position"] + 1))
    pushed = sum(len(each.follower.positions) - 1 for each in lists)
    tell(f"{LISTS} lists of a log that grew to {last}, and {pushed} pushes behind them: the whole")
