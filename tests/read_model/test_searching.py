"""Incidents are found by the words of their texts, and by nothing else."""

from __future__ import annotations

import json
from uuid import UUID

import psycopg
import pytest

from projections.catalog import CATALOG
from projections.engine.rebuilding import Rebuild
from read_model.queries import incident_list
from read_model.queries.asking import asked
from read_model.queries.cursor import Cursors
from read_model.queries.incident_list import IncidentList
from read_model.queries.list_asked import ALLOWED
from read_model.queries.searching import ALL, Round
from read_model.reader import Reader
from tests.embedded import Database
from tests.projections.story import JONAS, NORTH, SOUTH, Story
from tests.read_model.conftest import Show
from tests.read_model.test_incident_list import declared, references
from write_model.incident.events import (
    IncidentAcknowledged,
    IncidentAmended,
    IncidentDescribed,
    IncidentImpactSet,
    IncidentResolved,
    NoteAdded,
    NoteRetracted,
)
from write_model.kernel.errors import Invalid
from write_model.kernel.personal import Sealed
from write_model.kernel.settings import APP, TAILER

SAND, NONSENSE = UUID(int=1), UUID(int=2)


def told() -> Story:
    """A forklift, a crane and a press in the north; in the south another forklift."""
    story = Story()
    story.tell("forklift", declared(title="The forklift leaks oil", team="Yard"))
    story.tell("crane", declared(title="Crane 7 is stuck", description="Ölwechsel: überfällig"))
    story.tell("press", declared(title="The press stands still", description="No oil, no pressure"))
    story.tell("other", declared(title="The forklift leaks oil"), tenant=SOUTH)
    sealed = Sealed(JONAS, b"s" * 16, b"\x01\x02", b"c" * 32)
    story.tell("forklift", IncidentImpactSet(impact="A sprained ankle", injured=sealed))
    story.tell("forklift", NoteAdded(note=SAND, text="Sand is on the way"))
    story.tell("crane", NoteAdded(note=NONSENSE, text="Only a drill"))
    story.tell("crane", NoteRetracted(note=NONSENSE))
    story.tell("crane", IncidentResolved(resolution="A fuse was replaced"))
    story.tell("crane", IncidentAmended(field="resolution", value="x", reason="Typing error"))
    return story


WAYS = {
    "few": [Round(few=9, nearest=0)],
    "the nearest": [Round(few=0, nearest=9)],
    "none of the nearest": [Round(few=0, nearest=0), Round(few=9, nearest=0)],
    "all": [Round(few=0, nearest=1), Round(few=0, nearest=ALL)],
}


@pytest.fixture(params=WAYS.values(), ids=list(WAYS))
def incidents(
    request: pytest.FixtureRequest, reader: Reader, cursors: Cursors, show: Show
) -> IncidentList:
    """Every way finds the same."""
    show(told())
    return IncidentList(reader, cursors, rounds=request.param)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("forklift", ["INC-1"]),
        ("OIL", ["INC-3", "INC-1"]),
        ("oil forklift", ["INC-1"]),
        ('"leaks oil"', ["INC-1"]),
        ('"oil leaks"', []),
        ("crane or press", ["INC-3", "INC-2"]),
        ("oil -press", ["INC-1"]),
        ("sand", ["INC-1"]),
        ("fuse", ["INC-2"]),
        ("7", ["INC-2"]),
        ("ÖLWECHSEL", ["INC-2"]),
        ("u\u0308berfa\u0308llig", ["INC-2"]),
        ("“oil”", ["INC-3", "INC-1"]),
        ("drill", []),
        ("ankle", []),
        (str(NORTH), []),
        (f"'of {NORTH}'", []),
        ("-forklift", ["INC-3", "INC-2"]),
        ("' & | ! :* \\ oil", ["INC-3", "INC-1"]),
    ],
)
async def test_an_incident_is_found_by_the_words_of_its_texts(
    incidents: IncidentList, words: str, found: list[str]
) -> None:
    assert await references(incidents, q=words) == found


async def test_a_search_is_narrowed_sorted_counted_and_cut_down_like_any_list(
    incidents: IncidentList,
) -> None:
    assert await references(incidents, q="oil", sort="number") == ["INC-1", "INC-3"]
    assert await references(incidents, q="oil", sort="updated_at") == ["INC-3", "INC-1"]
    assert await references(incidents, q="oil", team="Yard") == ["INC-1"]
    later = {"opened_at[gt]": "2026-02-02T08:02:00Z", "updated_at[gt]": "2026-02-02T08:02:00Z"}
    assert await references(incidents, q="oil", **later) == ["INC-3"]
    question = asked({"q": "oil", "facets": "team", "fields": "title", "limit": "1"}, ALLOWED)
    assert await incidents.facets(NORTH, question) == {"team": {"Warehouse": 1, "Yard": 1}}
    page = await incidents.page(NORTH, question)
    assert json.loads(page.items) == [{"title": "The press stands still"}]


async def test_words_that_become_frequent_while_they_are_counted_are_found(
    reader: Reader, cursors: Cursors, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def were_few(*_: object) -> bool:
        return True

    monkeypatch.setattr(incident_list, "are_few", were_few)
    show(told())
    incidents = IncidentList(reader, cursors, rounds=[Round(few=1, nearest=ALL)])
    assert await references(incidents, q="oil") == ["INC-3", "INC-1"]


async def test_a_cursor_opens_only_for_the_words_that_were_searched_for(
    incidents: IncidentList,
) -> None:
    page = await incidents.page(NORTH, asked({"q": "OIL", "limit": "1"}, ALLOWED))
    cursor = page.next_cursor or ""
    rest = await incidents.page(NORTH, asked({"q": "oil", "cursor": cursor}, ALLOWED))
    assert [item["reference"] for item in json.loads(rest.items)] == ["INC-1"]
    for other in ({"q": "sand"}, {}):
        with pytest.raises(Invalid):
            await incidents.page(NORTH, asked({"cursor": cursor, **other}, ALLOWED))


async def test_what_was_changed_is_found_by_its_new_words_only(
    incidents: IncidentList, show: Show
) -> None:
    story = told()
    story.tell("forklift", IncidentDescribed(title="The lift leaks water"))
    story.tell("forklift", IncidentAcknowledged())
    show(story)
    assert await references(incidents, q="forklift") == []
    assert await references(incidents, q="water") == ["INC-1"]


@pytest.mark.parametrize("words", ["", " ", '"', "-", "!?", "💧", "x" * 201])
def test_a_search_for_nothing_or_for_a_novel_is_refused(words: str) -> None:
    with pytest.raises(Invalid) as refused:
        asked({"q": words}, ALLOWED)
    assert refused.value.field == "q"


async def test_a_search_goes_on_in_the_table_that_took_the_place(
    incidents: IncidentList, database: Database
) -> None:
    with psycopg.connect(database.conninfo(TAILER), autocommit=True) as tailer:
        Rebuild(tailer, CATALOG, lambda _: None).of(["incident_search"])
        tailer.execute("DELETE FROM projections.incident_search_v1")
    assert await references(incidents, q="forklift") == ["INC-1"]
    question = asked({"q": "forklift", "facets": "status"}, ALLOWED)
    assert await incidents.facets(NORTH, question) == {"status": {"open": 1}}


async def test_nobody_finds_anything_without_an_organization(
    show: Show, database: Database
) -> None:
    show(told())
    with psycopg.connect(database.conninfo(APP), autocommit=True) as app:
        query = "SELECT projections.incidents_with('oil', 9)"
        assert app.execute(query).fetchone() == ([],)
