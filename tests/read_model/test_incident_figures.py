"""Figures of incidents: exactly what the events say, and what may not be asked."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import psycopg
import pytest

from read_model.queries.figures_asked import GROUPS, INTERVALS, figures_asked
from read_model.queries.incident_figures import (
    MOST_ITEMS,
    IncidentFigures,
    figures_query,
    parameters_of,
)
from read_model.reader import Reader
from tests.acceptance.independent_figures import differences, items, lives, open_now
from tests.embedded import Database
from tests.projections.story import JONAS, MARA, MONDAY, NORTH, SOUTH, Story
from tests.projections.test_incident_document import DECLARED
from tests.projections.test_second_opinion import HAPPENINGS, as_stored
from tests.read_model.conftest import Show
from write_model.incident.events import (
    HoldReason,
    IncidentAcknowledged,
    IncidentDeclared,
    IncidentPutOnHold,
    IncidentReopened,
    IncidentReported,
    IncidentResolved,
    IncidentResumed,
    Severity,
    Status,
)
from write_model.kernel.errors import Invalid

NOW = MONDAY + timedelta(days=40)


async def told(
    figures: IncidentFigures, parameters: Mapping[str, str] | None = None, at: datetime = NOW
) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(
        await figures.figures(NORTH, figures_asked(parameters or {}), at)
    )
    return answer


@pytest.fixture
def figures(reader: Reader) -> IncidentFigures:
    return IncidentFigures(reader)


def declared(severity: Severity, team: str | None, source: str) -> IncidentDeclared:
    return IncidentDeclared(title="Oil", severity=severity, reporter=MARA, team=team, source=source)


def any_story(seed: int) -> Story:
    """A hundred incidents of any life, allowed or not, over five weeks."""
    chance, story = random.Random(seed), Story()
    for n in range(100):
        team, source = chance.choice(("Yard", "Warehouse", None)), chance.choice(("watch", "phone"))
        at = MONDAY + timedelta(days=chance.uniform(0, 35))
        begins = chance.choice(
            (
                declared(chance.choice(list(Severity)), team, source),
                IncidentReported(title="Smoke", reporter=JONAS, source=source, team=team),
            )
        )
        story.tell(f"incident {n}", begins, occurred=at)
        for event in chance.choices(HAPPENINGS[2:], k=chance.randrange(12)):
            at += timedelta(hours=chance.uniform(-1, 9))
            story.tell(f"incident {n}", event, occurred=at)
    story.tell("south", DECLARED, tenant=SOUTH)
    return story


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_figure_is_what_the_events_say(
    figures: IncidentFigures, show: Show, seed: int
) -> None:
    story = any_story(seed)
    show(story)
    all_lives = lives(as_stored(event) for event in story.events if event.tenant == NORTH)
    for interval, group_by in product(INTERVALS, GROUPS):
        for narrowed in ({}, {"severity": "sev1", "source": "phone"}):
            asked = {"interval": interval, "group_by": group_by, **narrowed}
            answer = await told(figures, asked)
            expected = items(all_lives, NOW, interval, group_by, **narrowed)
            left = open_now(all_lives, NOW, **narrowed)
            assert differences(answer, expected, left) == [], (interval, group_by, narrowed)


async def test_the_leak_is_measured_from_its_opening_to_its_last_resolution(
    figures: IncidentFigures, show: Show
) -> None:
    """An acknowledgement after it was reopened is not the first one."""
    story, hour = Story(), timedelta(hours=1)
    for after, event in enumerate(
        (
            DECLARED,
            IncidentAcknowledged(),
            IncidentPutOnHold(reason=HoldReason.AWAITING_VENDOR),
            IncidentPutOnHold(reason=HoldReason.SCHEDULED),
            IncidentResumed(to_status=Status.IN_PROGRESS),
            IncidentResolved(resolution="Sealed"),
            IncidentReopened(from_status=Status.RESOLVED, reason="It drips"),
            IncidentAcknowledged(),
            IncidentPutOnHold(reason=HoldReason.AWAITING_VENDOR),
        )
    ):
        story.tell("forklift", event, occurred=MONDAY + after * hour)
    show(story)
    [item] = (await told(figures, at=MONDAY + 10 * hour))["items"]
    never = {"count": 0, "mean": None, "p50": None, "p90": None}
    assert item == {
        "since": None,
        "group": None,
        "opened": 1,
        "resolved": 0,
        "closed": 0,
        "reopened": 1,
        "reopen_rate": 1.0,
        "time_to_acknowledge": {"count": 1, "mean": 3_600.0, "p50": 3_600.0, "p90": 3_600.0},
        "time_to_resolve": never,
        "on_hold": {"awaiting_vendor": 3 * 3_600.0, "scheduled": 3_600.0},
    }
    story.tell("forklift", IncidentResolved(resolution="Replaced"), occurred=MONDAY + 10 * hour)
    show(story)
    answer = await told(figures, at=MONDAY + 99 * hour)
    assert answer["items"][0]["time_to_resolve"]["p90"] == 36_000.0
    assert answer["items"][0]["on_hold"]["awaiting_vendor"] == 3 * 3_600.0
    assert answer["open_now"]["count"] == 0


async def test_only_what_was_opened_in_the_time_is_measured_but_all_that_is_open_is_told(
    figures: IncidentFigures, show: Show
) -> None:
    story = Story()
    for day in range(5):
        story.tell(f"leak {day}", DECLARED, occurred=MONDAY + timedelta(days=day))
    show(story)
    between = {"from": "2026-02-03T08:00:00Z", "to": "2026-02-05T08:00:00Z"}
    answer = await told(figures, {"interval": "day", **between})
    assert [item["since"] for item in answer["items"]] == [
        "2026-02-03T00:00:00Z",
        "2026-02-04T00:00:00Z",
    ]
    assert answer["open_now"]["count"] == 5


async def test_nothing_is_measured_of_nothing(figures: IncidentFigures) -> None:
    answer = await told(figures)
    assert answer["items"] == []
    assert answer["open_now"] == open_now([], NOW) | {"groups": []}
    assert "parked" not in answer


async def test_more_figures_than_anybody_reads_are_refused(
    figures: IncidentFigures, show: Show
) -> None:
    story = Story()
    for n in range(MOST_ITEMS + 1):
        story.tell(f"incident {n}", declared(Severity.SEV4, f"Team {n:04}", "watch"))
    show(story)
    with pytest.raises(Invalid) as refused:
        await told(figures, {"group_by": "team"})
    assert refused.value.field == "interval"
    answer = await told(figures, {"group_by": "severity"})
    assert len(answer["open_now"]["groups"]) == MOST_ITEMS
    assert answer["open_now"]["count"] == MOST_ITEMS + 1


async def test_a_time_and_what_is_open_are_found_by_their_indexes(
    figures: IncidentFigures, show: Show, database: Database
) -> None:
    show(any_story(1))
    asked = figures_asked({"from": "2026-02-03T08:00:00Z", "group_by": "team"})
    with psycopg.connect(database.conninfo("tallystick_app"), autocommit=True) as app:
        app.execute("SELECT set_config('app.tenant', %s, false)", (str(NORTH),))
        # A table of a hundred rows is scanned more cheaply.
        app.execute("SET enable_seqscan = off")
        query = b"EXPLAIN " + figures_query(asked).as_bytes(app)
        plan = app.execute(query, parameters_of(asked, NOW) | {"tenant": NORTH}).fetchall()
    text = "\n".join(line for (line,) in plan)
    assert text.count("incident_figures_v1_open") == 2
    assert text.count("incident_figures_v1_by_opening") == 1


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"interval": "year"}, "interval"),
        ({"group_by": "assignee"}, "group_by"),
        ({"status": "open"}, "status"),
        ({"limit": "5"}, "limit"),
        ({"severity": "sev9"}, "severity"),
        ({"from": "Monday"}, "from"),
        ({"to": "2026-02-02T08:00:00"}, "to"),
        ({"from": "2026-02-02T08:00:00Z", "to": "2026-02-02T08:00:00Z"}, "to"),
    ],
)
def test_what_may_not_be_asked_is_named(parameters: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        figures_asked(parameters)
    assert refused.value.field == field
