"""An old log goes in through the command line and comes out of the query API, exactly."""

from __future__ import annotations

import gzip
import html
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from tests.acceptance.independent_figures import differences, items, lives, open_now
from tests.acceptance.rebuilt import every_row_is_as_the_log_says, places, the_same_rows
from tests.acceptance.stack import Json, Person, Stack, fresh_stack, report_of
from tests.embedded import until
from workers.importing.generator import Generated
from workers.importing.mapping import Command, commands

Tell = Callable[[str], None]

TYPES = {
    "declare": "incident.declared",
    "acknowledge": "incident.acknowledged",
    "assign": "incident.assigned",
    "release": "incident.released",
    "hold": "incident.put_on_hold",
    "resume": "incident.resumed",
    "resolve": "incident.resolved",
    "close": "incident.closed",
    "reopen": "incident.reopened",
    "cancel": "incident.cancelled",
    "note": "incident.note_added",
    "amend": "incident.amended",
}
STATUS_AFTER = {
    "declare": "open",
    "acknowledge": "in_progress",
    "release": "open",
    "hold": "on_hold",
    "resume": "in_progress",
    "resolve": "resolved",
    "close": "closed",
    "reopen": "open",
    "cancel": "cancelled",
}
INVENTED = ("demo", "--incidents", "150", "--seed", "5", "--json")


@dataclass(frozen=True, slots=True)
class Expected:
    """What the query API must tell; `ends`: source key -> the last team and person."""

    source: str
    commands: dict[str, int]
    statuses: dict[str, int]
    severities: dict[str, int]
    reopened_from: dict[str, int]
    ends: dict[str, tuple[str | None, str | None]]
    deviations: dict[str, int] | None = None


def must_tell(person: Person, expected: Expected, *, through: int) -> int:
    """Ask for everything; returns how many events the feed has."""
    question = f"source={expected.source}&min_position={through}"
    facets = person.get(
        f"/v1/incidents?{question}&limit=1&facets=status,severity,reopened,deviations"
    )
    assert "stale" not in facets
    counts = facets["facets"]
    assert counts["status"] == expected.statuses
    assert counts["severity"] == expected.severities
    assert sum(int(n) * count for n, count in counts["reopened"].items()) == sum(
        expected.reopened_from.values()
    )
    if expected.deviations is not None:
        assert counts["deviations"] == expected.deviations
    _events_must_tell(person, expected)
    _documents_must_tell(person, expected)
    return _feed_is_whole(person)


def _events_must_tell(person: Person, expected: Expected) -> None:
    told = {kind: list(person.events(f"limit=500&type={TYPES[kind]}")) for kind in TYPES}
    assert {k: len(events) for k, events in told.items() if events} == expected.commands
    before = Counter(
        change["from"]
        for event in told["reopen"]
        for change in event["data"]["changes"]
        if change["field"] == "status"
    )
    assert before == expected.reopened_from


def _documents_must_tell(person: Person, expected: Expected) -> None:
    fields = "source_key,team,assignee"
    shown = list(person.incidents(f"source={expected.source}&limit=500&fields={fields}"))
    names = person.names({item["assignee"] for item in shown if item["assignee"]})
    ends = {item["source_key"]: (item["team"], names.get(item["assignee"])) for item in shown}
    assert ends == expected.ends


def _feed_is_whole(person: Person) -> int:
    positions = [event["position"] for event in person.events()]
    assert positions == list(range(1, len(positions) + 1))
    return len(positions)


FIGURES = ("", "group_by=team", "interval=month&group_by=severity", "interval=week&severity=sev2")


def figures_must_tell(stack: Stack, person: Person) -> None:
    """The same to the microsecond as is computed from the events one by one."""
    of = lives(stack.stored_events(person))
    for question in FIGURES:
        told = person.get(f"/v1/metrics/incidents?{question}")
        asked = dict(parse_qsl(question))
        interval, group_by = asked.pop("interval", "none"), asked.pop("group_by", "none")
        at = datetime.fromisoformat(told["at"])
        expected = items(of, at, interval, group_by, **asked)
        assert differences(told, expected, open_now(of, at, **asked)) == [], question


def goes_in_once(stack: Stack, expected: Expected, *arguments: str, tell: Tell) -> None:
    """Import, look, import again: nothing new."""
    report = report_of(stack.cli(*arguments))
    owner = stack.owner()
    assert report["rejected"] == []
    assert report["commands"] == expected.commands
    if expected.deviations is not None:
        assert report["deviations"] == expected.deviations
    events = must_tell(owner, expected, through=stack.last_position(owner))
    figures_must_tell(stack, owner)
    again = report_of(stack.cli(*arguments))
    assert (again["commands"], again["deviations"], again["rejected"]) == ({}, {}, [])
    assert stack.last_position(owner) == events
    tell(
        f"{report['cases']} cases, {sum(report['commands'].values())} commands in"
        f" {report['wall_s']} s ({report['commands_per_s']}/s); {events} events 1..{events};"
        f" a second run: 0 events in {again['wall_s']} s"
    )


def goes_in_though_killed(
    stack: Stack, expected: Expected, *arguments: str, after: int, tell: Tell
) -> None:
    """Kill the import once `after` events are there, and run it again."""
    owner, first = stack.owner(), stack.cli(*arguments)
    until(lambda: stack.last_position(owner) >= after, f"{after} events are there", patience_s=120)
    first.kill()
    first.communicate()
    assert first.returncode == -9
    kept = stack.last_position(owner)
    report = report_of(stack.cli(*arguments))
    assert report["rejected"] == []
    events = must_tell(owner, expected, through=stack.last_position(owner))
    sent = sum(report["commands"].values())
    assert 0 < sent < sum(expected.commands.values())
    tell(f"killed at event {kept}, the second run sent {sent} commands; {events} events")


def comes_out_again_when_rebuilt(stack: Stack, tell: Tell) -> None:
    """All projections at once beside the live ones, then the records where they are."""
    with stack.connect() as connection:
        live = places(connection)
        incidents = every_row_is_as_the_log_says(connection)
        whole = _rebuilt(stack, "--all")
        now = places(connection)
        rows = {name: the_same_rows(connection, live[name], now[name]) for name in live}
        assert set(live.values()).isdisjoint(now.values())
        parts = _rebuilt(stack, "--type", "incident")
        again = {name: the_same_rows(connection, live[name], now[name]) for name in live}
        assert (places(connection), again) == (now, rows)
        assert (parts["records"], every_row_is_as_the_log_says(connection)) == (
            incidents,
            incidents,
        )
    tell(
        f"rebuilt beside in {whole['seconds']} s (the projector waited {whole['swap_ms']} ms), in"
        f" place in {parts['seconds']} s ({parts['wait_ms']} ms): {sum(rows.values())} rows are the"
        f" same, and as the log says"
    )


def _rebuilt(stack: Stack, *words: str) -> Json:
    return report_of(stack.operate("projections", "rebuild", *words, "--json"))


def invented() -> Expected:
    """What the generator's cases come to, by the last word on each."""
    cases = list(Generated(incidents=150, seed=5).cases(lambda rejected: None))
    told = {c.key: [x for x in commands(c, source="demo") if isinstance(x, Command)] for c in cases}
    kinds = {key: [command.kind.value for command in sent] for key, sent in told.items()}
    return Expected(
        source="demo",
        commands=Counter(kind for each in kinds.values() for kind in each),
        statuses=Counter(_statuses(each)[-1] for each in kinds.values()),
        severities=Counter(str(case.severity) for case in cases),
        reopened_from=Counter(
            _statuses(each[:at])[-1]
            for each in kinds.values()
            for at, kind in enumerate(each)
            if kind == "reopen"
        ),
        ends={key: (sent[-1].team, sent[-1].person) for key, sent in told.items()},
    )


def _statuses(kinds: list[str]) -> list[str]:
    return [STATUS_AFTER[kind] for kind in kinds if kind in STATUS_AFTER]


def test_invented_incidents_come_out_as_they_went_in(tell: Tell) -> None:
    with fresh_stack() as stack:
        goes_in_once(stack, invented(), *INVENTED, tell=tell)
        comes_out_again_when_rebuilt(stack, tell)


def test_an_import_that_was_killed_is_finished_by_the_next(tell: Tell) -> None:
    with fresh_stack() as stack:
        goes_in_though_killed(stack, invented(), *INVENTED, after=300, tell=tell)


@pytest.fixture(scope="module")
def log(shared_data: Path) -> Path:
    return shared_data / "bpic13_incidents.xes.gz"


@pytest.fixture(scope="module")
def real(log: Path) -> Expected:
    """The published counts of the log, and who had each incident last by its own rows."""
    return Expected(
        source="vinst",
        commands={
            "acknowledge": 17_587,
            "release": 9_497,
            "resolve": 8_125,
            "declare": 7_554,
            "note": 7_343,
            "assign": 7_176,
            "hold": 6_657,
            "close": 5_704,
            "resume": 2_656,
            "reopen": 580,
            "amend": 13,
            "cancel": 1,
        },
        statuses={"closed": 5_574, "resolved": 1_971, "on_hold": 5, "in_progress": 3}
        | {"cancelled": 1},
        severities={"sev1": 3, "sev2": 261, "sev3": 4_045, "sev4": 3_245},
        reopened_from={"resolved": 450, "closed": 130},
        ends=dict(last_rows(log)),
        deviations={
            "review_required": 252,
            "late_reopen": 69,
            "reopen_window": 2,
            "sole_resolver": 1,
        },
    )


def last_rows(log: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    """Case -> team and person of its last row, read line by line and not as XML."""
    case, key = dict[str, str](), ""
    with gzip.open(log, "rt") as file:
        for line in file:
            if "<trace" in line:
                case, key = {}, ""
            elif "<event" in line:
                key = key or case["concept:name"]
            elif "</trace" in line:
                yield key, (case["org:group"], case["org:resource"])
            elif attribute := _ATTRIBUTE.search(line):
                case[attribute[1]] = html.unescape(attribute[2])


_ATTRIBUTE = re.compile(r'key="([^"]*)" value="([^"]*)"')


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_the_real_log_comes_out_with_its_published_counts(
    log: Path, real: Expected, tell: Tell
) -> None:
    with fresh_stack() as stack:
        goes_in_once(stack, real, "import", "xes", str(log), "--json", tell=tell)
        comes_out_again_when_rebuilt(stack, tell)


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_the_real_log_is_finished_after_its_import_was_killed(
    log: Path, real: Expected, tell: Tell
) -> None:
    arguments = ("import", "xes", str(log), "--json")
    with fresh_stack() as stack:
        goes_in_though_killed(stack, real, *arguments, after=36_000, tell=tell)
