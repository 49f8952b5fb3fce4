"""The list of incidents: what may be asked, what comes back, and how it goes on."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from itertools import product
from typing import Any

import psycopg
import pytest

from read_model.queries.asking import Asked, Cut, asked
from read_model.queries.cursor import Cursors
from read_model.queries.incident_list import IncidentList
from read_model.queries.list_asked import ALLOWED
from read_model.queries.list_page import page_query, shape_of
from read_model.reader import Reader
from tests.embedded import Database
from tests.projections.story import JONAS, MARA, NORTH, SOUTH, Story
from tests.read_model.conftest import Show
from write_model.incident.events import (
    IncidentAcknowledged,
    IncidentAssigned,
    IncidentClosed,
    IncidentDeclared,
    IncidentReported,
    Severity,
)
from write_model.kernel.errors import Invalid, LogRestored


def declared(severity: Severity = Severity.SEV3, **fields: Any) -> IncidentDeclared:
    told: dict[str, Any] = {
        "title": "Oil",
        "reporter": MARA,
        "source": "console",
        "team": "Warehouse",
    } | fields
    return IncidentDeclared(severity=severity, **told)


def many() -> Story:
    """Seven incidents in the north, one of them only reported, and one in the south."""
    story = Story()
    for n in range(6):
        severity = Severity.SEV1 if n % 2 else Severity.SEV3
        story.tell(f"north {n}", declared(severity, source_key=f"K{n}"))
    story.tell("north 6", IncidentReported(title="Smoke", reporter=JONAS, source="phone"))
    story.tell("south", declared(), tenant=SOUTH)
    story.tell("north 0", IncidentAcknowledged(deviations=("review", "review")))
    story.tell("north 1", IncidentAssigned(person=JONAS, team="Yard"))
    story.tell("north 2", IncidentClosed())
    return story


async def references(incidents: IncidentList, **parameters: str) -> list[str]:
    """All pages, three items each."""
    found: list[str] = []
    cursor = ""
    while True:
        page = await incidents.page(
            NORTH, asked({"limit": "3", "cursor": cursor, **parameters}, ALLOWED)
        )
        found += [item["reference"] for item in json.loads(page.items)]
        if page.next_cursor is None:
            return found
        cursor = page.next_cursor


@pytest.fixture
def incidents(reader: Reader, cursors: Cursors, show: Show) -> IncidentList:
    show(many())
    return IncidentList(reader, cursors)


@pytest.mark.parametrize("way", ["", "-"])
@pytest.mark.parametrize(
    ("sort", "within"),
    [
        (
            "opened_at",
            {"opened_at[gte]": "2026-02-02T08:02:00Z", "opened_at[lt]": "2026-02-02T08:06:00Z"},
        ),
        (
            "updated_at",
            {"updated_at[gt]": "2026-02-02T08:04:00Z", "updated_at[lte]": "2026-02-02T08:10:00Z"},
        ),
        ("severity", {"severity": "sev1,sev3"}),
    ],
)
async def test_pages_end_where_the_one_page_of_all_does(
    incidents: IncidentList, sort: str, way: str, within: dict[str, str]
) -> None:
    whole = await references(incidents, sort=way + sort, limit="50", **within)
    assert 3 < len(whole) < 7
    assert await references(incidents, sort=way + sort, limit="1", **within) == whole


async def test_pages_hold_every_incident_once_in_every_order(incidents: IncidentList) -> None:
    numbers = [f"INC-{n}" for n in range(1, 8)]
    assert await references(incidents, sort="opened_at") == numbers
    assert await references(incidents) == numbers[::-1]
    assert await references(incidents, sort="+number") == numbers
    by_severity = await references(incidents, sort="severity")
    assert by_severity[0] == "INC-7"
    assert set(by_severity[1:4]) == {"INC-2", "INC-4", "INC-6"}
    assert (await references(incidents, sort="-updated_at"))[:3] == ["INC-3", "INC-2", "INC-1"]


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"status": "closed,in_progress"}, ["INC-3", "INC-1"]),
        ({"status": "in_progress,triage"}, ["INC-7", "INC-1"]),
        ({"severity": "sev3,sev4", "sort": "-severity", "status": "open"}, ["INC-5"]),
        ({"severity": "sev1", "team": "Yard"}, ["INC-2"]),
        ({"assignee": str(JONAS)}, ["INC-2"]),
        ({"source": "console", "source_key": "K4,K5"}, ["INC-6", "INC-5"]),
        ({"priority": "high"}, []),
        (
            {"opened_at[gt]": "2026-02-02T08:05:00Z", "opened_at[lte]": "2026-02-02T08:06:00Z"},
            ["INC-6"],
        ),
        ({"closed_at[gte]": "2026-02-02T08:00:00Z"}, ["INC-3"]),
        ({"updated_at[lt]": "2026-02-02T10:05:00+02:00"}, ["INC-4"]),
    ],
)
async def test_filters_narrow_the_list(
    incidents: IncidentList, parameters: dict[str, str], found: list[str]
) -> None:
    assert await references(incidents, **parameters) == found


async def test_an_item_may_be_cut_down_to_some_fields(incidents: IncidentList) -> None:
    page = await incidents.page(NORTH, asked({"fields": "status,id", "limit": "1"}, ALLOWED))
    [item] = json.loads(page.items)
    assert set(item) == {"id", "status"}


async def test_facets_count_under_the_same_filters(incidents: IncidentList) -> None:
    facets = await incidents.facets(
        NORTH, asked({"facets": "severity,team,deviations", "source": "console"}, ALLOWED)
    )
    assert facets == {
        "severity": {"sev1": 3, "sev3": 3},
        "team": {"Warehouse": 5, "Yard": 1},
        "deviations": {"review": 2},
    }
    statuses = await incidents.facets(NORTH, asked({"facets": "status"}, ALLOWED))
    assert next(iter(statuses["status"].items())) == ("open", 4)


async def test_facets_that_are_tallied_equal_a_count_of_the_incidents(
    incidents: IncidentList,
) -> None:
    """Those under a time are counted one by one."""
    always = {"opened_at[gte]": "2000-01-01T00:00:00Z"}
    for filters in ({}, {"severity": "sev1"}, {"status": "open,triage", "team": "Warehouse"}):
        question = {"facets": "team,status,assignee,severity", **filters}
        told = await incidents.facets(NORTH, asked(question, ALLOWED))
        assert told == await incidents.facets(NORTH, asked(question | always, ALLOWED))
    told = await incidents.facets(NORTH, asked({"facets": "severity,team"}, ALLOWED))
    assert told["severity"] == {"sev1": 3, "sev3": 3, None: 1}
    assert told["team"] == {"Warehouse": 5, "Yard": 1, None: 1}


async def test_a_cursor_opens_only_for_its_own_question(incidents: IncidentList) -> None:
    page = await incidents.page(NORTH, asked({"limit": "3"}, ALLOWED))
    cursor = page.next_cursor or ""
    for other in ({"sort": "number"}, {"status": "open"}):
        with pytest.raises(Invalid) as refused:
            await incidents.page(NORTH, asked({"cursor": cursor, **other}, ALLOWED))
        assert refused.value.field == "cursor"
    with pytest.raises(Invalid):
        await incidents.page(SOUTH, asked({"cursor": cursor}, ALLOWED))
    with pytest.raises(Invalid):
        await incidents.page(NORTH, asked({"cursor": "no cursor"}, ALLOWED))
    resumed = await incidents.page(NORTH, asked({"cursor": cursor, "limit": "500"}, ALLOWED))
    assert len(json.loads(resumed.items)) == 4


async def test_a_cursor_of_a_log_that_was_replaced_says_so(
    incidents: IncidentList, database: Database
) -> None:
    page = await incidents.page(NORTH, asked({"limit": "3"}, ALLOWED))
    with psycopg.connect(database.conninfo("tallystick_tailer"), autocommit=True) as tailer:
        tailer.execute("UPDATE projections.checkpoint SET epoch = 2")
    with pytest.raises(LogRestored):
        await incidents.page(NORTH, asked({"cursor": page.next_cursor or ""}, ALLOWED))


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"color": "red"}, "color"),
        ({"status": ","}, "status"),
        ({"assignee": "Jonas"}, "assignee"),
        ({"team[gte]": "2026-02-02T08:00:00Z"}, "team[gte]"),
        ({"opened_at[gte]": "Monday"}, "opened_at[gte]"),
        ({"opened_at[gte]": "2026-02-02T08:00:00"}, "opened_at[gte]"),
        ({"sort": "title"}, "sort"),
        ({"limit": "501"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"fields": "id,secret"}, "fields"),
        ({"facets": "title"}, "facets"),
    ],
)
def test_what_may_not_be_asked_is_named(parameters: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        asked(parameters, ALLOWED)
    assert refused.value.field == field


def test_questions_of_one_shape_are_asked_by_the_same_sql() -> None:
    kinds: tuple[dict[str, str], ...] = (
        {},
        {"status": "open"},
        {"status": "closed"},
        {"status": "resolved"},
        {"status": "closed,resolved"},
        {"severity": "sev1"},
        {"severity": "sev1", "sort": "severity"},
        {"team": "Yard"},
        {"sort": "number"},
        {"sort": "-updated_at"},
        {"fields": "id"},
        {"fields": "id,title"},
        {"opened_at[gte]": "2026-02-02T08:00:00Z"},
        {"opened_at[lt]": "2026-02-03T08:00:00Z"},
        {"limit": "3"},
    )
    questions = [asked(parameters, ALLOWED) for parameters in kinds]
    questions.append(replace(questions[0], cut=Cut(7, 2)))
    for one, other in product(questions, questions):
        is_same = page_query(one, None).as_bytes() == page_query(other, None).as_bytes()
        assert (shape_of(one, None) == shape_of(other, None)) == is_same


def test_a_question_is_the_same_however_its_parameters_are_ordered() -> None:
    parameters = {
        "team": "Yard",
        "status": "open",
        "opened_at[lt]": "2026-02-03T08:15:00Z",
        "opened_at[gte]": "2026-02-02T08:15:00Z",
        "facets": "team,status",
    }
    other = {**dict(reversed(parameters.items())), "facets": "status,team"}
    assert asked(parameters, ALLOWED).shape() == asked(other, ALLOWED).shape()


def test_what_is_new_in_a_question_belongs_to_its_shape_or_is_a_value() -> None:
    values = {"limit", "cursor", "as_of", "words"}
    assert {field.name for field in fields(Asked)} - values == {
        "filters",
        "ranges",
        "sort",
        "fields",
        "facets",
        "cut",
    }
