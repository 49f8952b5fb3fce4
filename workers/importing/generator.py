"""Invents incidents of any number with the proportions of a real log, the same for the same seed.

The proportions are those of the incident log of the BPI Challenge 2013 (Ward Steeman,
doi:10.4121/500573e6-accc-4b0c-9576-aa5468b10cee): 7,554 incidents of 649 teams and 1,440 people.
Each case has a random stream of its own, so a larger number only adds cases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from math import log
from random import Random
from typing import NamedTuple

from workers.importing.cases import Case, Row, Step
from workers.importing.generator_words import MATTERS, person_name, team_name
from workers.importing.report import Rejected
from write_model.incident.events import HoldReason, Severity

_BEGIN = datetime(2022, 1, 3, 6, 0, tzinfo=UTC)
_SPAN_S = 780 * 86_400
_END = datetime(2025, 1, 1, tzinfo=UTC)
"""Where the invented log ends: some waits are years long, and nothing lies in the future."""
_TEAMS, PEOPLE = 649, 1_440
_MOST_ROWS = 123

_SEVERITIES = {Severity.SEV1: 3, Severity.SEV2: 261, Severity.SEV3: 4045, Severity.SEV4: 3245}


class _State(NamedTuple):
    """What a row says; what follows it goes by the log's frequencies per thousand."""

    step: Step
    reason: HoldReason = HoldReason.OTHER


_WORK = _State(Step.WORKED_ON)
_QUEUE = _State(Step.QUEUED)
_TAKEN = _State(Step.ASSIGNED)
_DONE = _State(Step.RESOLVED)
_SHUT = _State(Step.CLOSED)
_CALLER = _State(Step.WAITING, HoldReason.AWAITING_CALLER)
_VENDOR = _State(Step.WAITING, HoldReason.AWAITING_VENDOR)
_CHANGE = _State(Step.WAITING, HoldReason.AWAITING_CHANGE)
_OTHER = _State(Step.WAITING)
_WAITS = {_WORK: 350, _DONE: 305, _QUEUE: 160, _CALLER: 100, _TAKEN: 55, _CHANGE: 15, _VENDOR: 15}

_FIRST = {_WORK: 844, _QUEUE: 153, _CALLER: 2, _TAKEN: 1}
_NEXT: dict[_State, dict[_State, int]] = {
    _WORK: {
        _QUEUE: 280,
        _WORK: 241,
        _DONE: 202,
        _CALLER: 119,
        _TAKEN: 91,
        _OTHER: 46,
        _CHANGE: 14,
        _VENDOR: 8,
    },
    _QUEUE: {_WORK: 927, _QUEUE: 67, _DONE: 3, _CALLER: 3},
    _TAKEN: {_WORK: 965, _TAKEN: 31, _CALLER: 4},
    _CALLER: _WAITS,
    _VENDOR: _WAITS,
    _CHANGE: _WAITS,
    _OTHER: _WAITS,
    _DONE: {_SHUT: 700, _WORK: 40, _QUEUE: 12, _DONE: 3},
    _SHUT: {_WORK: 19, _QUEUE: 3, _SHUT: 2},
}
_ENDS = {_DONE: 245, _SHUT: 976}
"""How many of a thousand stay there; the rest goes on."""

_GAPS_S: dict[Step, tuple[float, float]] = {
    Step.WORKED_ON: (90, 2.6),
    Step.QUEUED: (2_600, 2.9),
    Step.ASSIGNED: (5_100, 2.8),
    Step.WAITING: (120_000, 1.5),
    Step.RESOLVED: (590_000, 0.3),
    Step.CLOSED: (900_000, 1.0),
}
"""Seconds until the next row, by the step before: median and sigma of a lognormal."""

_WORDS = {
    Step.WORKED_ON: ("Accepted", "In Progress"),
    Step.QUEUED: ("Queued", "Awaiting Assignment"),
    Step.ASSIGNED: ("Accepted", "Assigned"),
    Step.WAITING: ("Accepted", "Wait"),
    Step.RESOLVED: ("Completed", "Resolved"),
    Step.CLOSED: ("Completed", "Closed"),
}


class Generated:
    """A source of `incidents` invented cases; one case is held at a time."""

    def __init__(self, *, incidents: int, seed: int) -> None:
        self.name = "demo"
        self.incidents = incidents
        self.seed = seed
        self.made = 0

    def progress(self) -> float:
        return self.made / self.incidents if self.incidents else 1.0

    def cases(self, reject: Callable[[Rejected], None]) -> Iterator[Case]:
        """The first line of a case is its number: there is no file."""
        for number in range(1, self.incidents + 1):
            self.made = number
            yield invented(number, seed=self.seed)


def invented(number: int, *, seed: int) -> Case:
    """The case of that number, the same for the same seed."""
    random = Random(f"{seed}/{number}")
    severity = random.choices(list(_SEVERITIES), list(_SEVERITIES.values()))[0]
    matter = random.choice(MATTERS)
    title = matter.format(random.randint(1, 40))
    return Case(f"DEMO-{seed}-{number}", title, severity.value, tuple(_rows(number, random)))


def _rows(number: int, random: Random) -> Iterator[Row]:
    at = _BEGIN + timedelta(seconds=random.randrange(_SPAN_S))
    people = _People(random)
    for count, (step, reason) in enumerate(_path(random), 1):
        if at > _END:
            return
        people.move(step)
        status, sub_status = _WORDS[step]
        yield Row(
            number=count,
            line=number,
            step=step,
            at=at,
            team=team_name(people.team),
            person=person_name(people.person),
            status=status,
            sub_status=sub_status,
            hold_reason=reason,
        )
        median, sigma = _GAPS_S[step]
        at += timedelta(seconds=1 + int(random.lognormvariate(log(median), sigma)))


def _path(random: Random) -> Iterator[_State]:
    state = random.choices(list(_FIRST), list(_FIRST.values()))[0]
    for _ in range(_MOST_ROWS - 1):
        yield state
        if random.randrange(1000) < _ENDS.get(state, 0):
            return
        state = random.choices(list(_NEXT[state]), list(_NEXT[state].values()))[0]
    yield _DONE


class _People:
    """Who has the case: 649 teams and 1,440 people, of whom few have most of the work."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._seen = [self._some_team()]
        self.team = self._seen[0]
        self.person = self._member()

    def move(self, step: Step) -> None:
        """How often the log hands a case on: 82 of 100 queued rows change the team, and so on."""
        chance = self._random.random()
        if step is Step.QUEUED and chance < 0.82:
            self.team = self._team_known_or_new()
        elif step is Step.WORKED_ON and chance < 0.58:
            self.person = self._member()
        elif step is Step.CLOSED and chance < 0.94:
            self.person = 0  # One account closes what stays resolved for a week.

    def _team_known_or_new(self) -> int:
        if len(self._seen) < 12 and self._random.random() < 0.85:
            self._seen.append(self._some_team())
            return self._seen[-1]
        return self._random.choice(self._seen)

    def _some_team(self) -> int:
        return int(_TEAMS * self._random.random() ** 3)

    def _member(self) -> int:
        return 1 + (self.team * 11 + int(9 * self._random.random() ** 2)) % (PEOPLE - 1)
