"""Killed in turn under load, every service is back, and nothing that was acknowledged is lost."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from signal import SIGKILL
from typing import Any

import pytest

from tests.acceptance import independent_fold
from tests.acceptance.load import Load
from tests.acceptance.stack import Json, Person, Stack, fresh_stack
from tests.embedded import until
from tests.workers.launcher.launched import alive

Tell = Callable[[str], None]

VICTIMS = ("postgres", "valkey", "api", "projector")


def killed_in_turn(stack: Stack, load: Load, *, rounds: int) -> list[dict[str, float]]:
    """Kill each while the load runs, so often; how long each took to be back, by name."""
    with ThreadPoolExecutor(1) as beside:
        writing = beside.submit(load.run)
        try:
            return [{name: _killed(stack, load, name) for name in VICTIMS} for _ in range(rounds)]
        finally:
            load.stop()
            writing.result()


def _killed(stack: Stack, load: Load, name: str) -> float:
    _flows(load)
    pid, began = stack.services()[name], time.monotonic()
    os.kill(pid, SIGKILL)
    until(lambda: not alive(pid), f"{name} is dead")
    until(lambda: _is_back(stack, load, name, pid), f"{name} is back", patience_s=60)
    return time.monotonic() - began


def _flows(load: Load) -> None:
    known = len(load.acknowledged)
    until(lambda: len(load.acknowledged) > known + 5, "commands are acknowledged again")


def _is_back(stack: Stack, load: Load, name: str, pid: int) -> bool:
    """Another process, and what was acknowledged last is shown."""
    now, position = stack.services()[name], load.acknowledged[-1].position
    if now == pid or not alive(now) or stack.answer().get("status") != "ok":
        return False
    return "stale" not in load.person.get(f"/v1/incidents?limit=1&min_position={position}")


def every_command_is_in_the_log_once(person: Person, load: Load) -> list[Json]:
    """Of the feed; returns it."""
    assert load.refused == []
    last = max(each.position for each in load.acknowledged)
    events = list(person.events(min_position=last))
    assert [event["position"] for event in events] == list(range(1, len(events) + 1))
    at = {event["position"]: event for event in events}
    for each in load.acknowledged:
        event = at[each.position]
        told = (event["subject"], event["version"], event["type"])
        assert told == (each.stream, each.version, each.command.type)
        assert each.command.word in json.dumps(event)
    # As many of each kind as were acknowledged: so none is there twice.
    ours = Counter(e["type"] for e in events if e["type"].startswith("incident."))
    assert ours == Counter(each.command.type for each in load.acknowledged)
    return events


def the_read_model_equals_a_fold_of_the_log(stack: Stack, person: Person) -> int:
    """Every document, against a fold that knows nothing of the product; returns how many."""
    expected = independent_fold.fold(_stored(stack, person.organization))
    assert expected
    for id_, document in expected.items():
        assert independent_fold.compared(person.get(f"/v1/incidents/{id_}")) == document
    listed = {item["id"]: item for item in person.incidents()}
    assert listed.keys() == expected.keys()
    for id_, item in listed.items():
        shown = {name: item[name] for name in item.keys() & expected[id_].keys()}
        assert shown == {name: expected[id_][name] for name in shown}
    return len(expected)


def _stored(stack: Stack, organization: str) -> Iterator[dict[str, Any]]:
    query = (
        "SELECT topic, originator_id, originator_version, number, actor_id, recorded_at,"
        " occurred_at, convert_from(state, 'UTF8')::json FROM log.events WHERE tenant_id = %s"
        " ORDER BY tenant_position"
    )
    names = ("type", "stream", "version", "number", "actor", "recorded_at", "occurred_at", "data")
    numbers: dict[Any, int] = {}
    with stack.connect() as connection:
        for row in connection.execute(query, [organization]):
            event = dict(zip(names, row, strict=True))
            number = numbers.setdefault(event["stream"], event["number"])
            yield event | {"actor": str(event["actor"]), "number": number}


def the_feed_leads_to_the_documents(events: list[Json], person: Person) -> None:
    """Each change starts where the one before ended, and the last one is what is shown."""
    folded: dict[str, Json] = {}
    for event in events:
        document = folded.setdefault(event["subject"], {})
        for change in event["data"]["changes"]:
            if change["field"] != "notes":
                assert document.get(change["field"]) == change["from"]
                document[change["field"]] = change["to"]
    for item in person.incidents("limit=500&fields=id,title,status,severity,reference"):
        told = {name: folded[item["id"]][name] for name in item if name != "id"}
        assert told == {name: value for name, value in item.items() if name != "id"}


def survives(*, rounds: int, per_s: float, tell: Tell) -> None:
    with fresh_stack() as stack:
        owner = stack.owner()
        load = Load(owner, per_s)
        back = killed_in_turn(stack, load, rounds=rounds)
        events = every_command_is_in_the_log_once(owner, load)
        documents = the_read_model_equals_a_fold_of_the_log(stack, owner)
        the_feed_leads_to_the_documents(events, owner)
    again = sum(each.tries > 1 for each in load.acknowledged)
    slowest = max(each.took_s for each in load.acknowledged)
    slowly = {name: round(max(each[name] for each in back), 2) for name in VICTIMS}
    tell(
        f"{len(VICTIMS) * rounds} kills; back after at most {slowly} s;"
        f" {len(load.acknowledged)} commands acknowledged and in the log once ({again} of them"
        f" were repeated, the slowest took {slowest:.2f} s); {len(events)} events,"
        f" {documents} documents equal the fold of the log"
    )


def test_a_service_that_is_killed_takes_nothing_with_it(tell: Tell) -> None:
    survives(rounds=1, per_s=40, tell=tell)


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
def test_services_that_are_killed_again_and_again_take_nothing_with_them(tell: Tell) -> None:
    survives(rounds=5, per_s=150, tell=tell)
