"""What still holds without Valkey, and without Postgres, and how soon all is as before."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from tests.acceptance.crowd import Crowd, crowd, every_push_has_come_once
from tests.acceptance.missing import down, hung
from tests.acceptance.stack import PATIENT, Person, Stack, fresh_stack
from tests.acceptance.test_killed import every_command_is_in_the_log_once
from tests.embedded import until

Tell = Callable[[str], None]
Missing = Callable[[Stack, str], AbstractContextManager[None]]

PER_S = 20.0
AWAY_S = 5.0
DEADLINE_S = 10.0
"""How long a command may take for its verdict, by the settings."""
LATE_S = 5.0
"""The web's own deadline is a second behind the log's, and the machine is shared."""
BACK_S = 10.0


@pytest.fixture
def stack() -> Iterator[Stack]:
    with fresh_stack("--workers", "2") as stack:
        yield stack


@pytest.fixture
def patient_stack() -> Iterator[Stack]:
    with fresh_stack("--workers", "2", settings=PATIENT) as stack:
        yield stack


@dataclass(frozen=True, slots=True)
class Mark:
    """How far everybody had got at some moment."""

    commands: int
    reads: int

    @classmethod
    def of(cls, people: Crowd) -> Mark:
        return cls(len(people.load.acknowledged), len(people.reading.answered_s))

    def slowest(self, people: Crowd) -> str:
        """Of what was answered since, and the middle one."""
        commands = sorted(each.took_s for each in people.load.acknowledged[self.commands :])
        reads = sorted(people.reading.answered_s[self.reads :])
        return f"commands {_spread(commands)}, reads {_spread(reads)}"


def _spread(took_s: list[float]) -> str:
    middle, last = took_s[len(took_s) // 2], took_s[-1]
    return f"{len(took_s)} (p50 {middle * 1_000:.0f}, at most {last * 1_000:.0f} ms)"


def flows(people: Crowd) -> None:
    """Commands are acknowledged and read again."""
    known = Mark.of(people)
    until(lambda: Mark.of(people).commands > known.commands + 5, "commands are acknowledged")
    until(lambda: Mark.of(people).reads > known.reads + 5, "reads are answered")


def wrong_passwords(person: Person) -> int:
    """How many are looked at before the next one is told to wait."""
    body = {"email": "ada@harbor.example", "password": "The oil is not mine"}
    for guesses in range(100):
        answer = person.http.post("/v1/auth/token", json=body)
        if answer.status_code == 429:
            assert int(answer.headers["Retry-After"]) > 0
            return guesses
        assert answer.status_code == 401
    raise AssertionError("Nobody keeps count of guesses.")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("missing", [down, hung])
def test_without_valkey_everything_goes_on(
    patient_stack: Stack, missing: Missing, tell: Tell
) -> None:
    stack = patient_stack
    people = crowd(stack, per_s=PER_S, followers=5)
    with people.busy():
        time.sleep(AWAY_S)  # how fast it is with it
        with_it = Mark(0, 0).slowest(people)
        with missing(stack, "valkey"):
            gone = Mark.of(people)
            guesses = wrong_passwords(people.load.person)
            assert stack.answer()["status"] == "ok"
            time.sleep(AWAY_S)
            without_it = gone.slowest(people)
        flows(people)
    events = every_command_is_in_the_log_once(people.load.person, people.load)
    every_push_has_come_once(people, [event["position"] for event in events])
    tell(
        f"Valkey {missing.__name__}: before {with_it}; without it {without_it};"
        f" {people.failed().total()} failed {dict(people.failed())}; {guesses} wrong"
        f" passwords were looked at; every push came once"
    )
    assert people.failed() == Counter()
    assert not sum((each.closed for each in people.followers.each), Counter[str]())


@pytest.mark.timeout(240)
@pytest.mark.parametrize("missing", [down, hung])
def test_without_postgres_everybody_is_told_to_come_back(
    stack: Stack, missing: Missing, tell: Tell
) -> None:
    people = crowd(stack, per_s=PER_S, followers=5)
    with people.busy():
        flows(people)
        with missing(stack, "postgres"):
            began = time.monotonic()
            until(
                lambda: stack.answer().get("status") == "unavailable", "it says that it is unready"
            )
            noticed_s = time.monotonic() - began
            time.sleep(DEADLINE_S + LATE_S)  # all that was asked before has its answer
            meanwhile_s = [*people.load.refused_s, *people.reading.refused_s]
        began = time.monotonic()
        until(lambda: stack.answer().get("status") == "ok", "it says that it is ready")
        ready_s = time.monotonic() - began
        flows(people)
        back_s = time.monotonic() - began
    refused_s = sorted([*people.load.refused_s, *people.reading.refused_s])
    failed = people.failed()
    tell(
        f"Postgres {missing.__name__}: /readyz said so after {noticed_s:.2f} s; {dict(failed)},"
        f" {_spread(refused_s)}; ready {ready_s:.2f} s and everything as before"
        f" {back_s:.2f} s after it was back; {len(people.load.acknowledged)} commands"
        f" acknowledged, all in the log once and pushed once"
    )
    events = every_command_is_in_the_log_once(people.load.person, people.load)
    every_push_has_come_once(people, [event["position"] for event in events])
    assert failed.keys() == {"503 with Retry-After"}
    assert max(meanwhile_s) <= DEADLINE_S + LATE_S
    # Who is refused just then waits behind all that it brings back.
    assert max(refused_s) <= DEADLINE_S + BACK_S
    assert back_s <= BACK_S
