"""The words by which an incident is found: what its texts say now, and no more."""

from __future__ import annotations

from uuid import UUID

from projections.catalog import CATALOG
from projections.engine.projection import Mirror
from projections.incident.document import fold
from projections.incident.search import INCIDENT_SEARCH
from tests.projections.given import Given
from tests.projections.story import Story, stream
from tests.projections.test_incident_document import DECLARED, RESOLVED
from write_model.incident.events import IncidentDescribed, NoteAdded, NoteRetracted

FIRST, SECOND = UUID(int=1), UUID(int=2)


def test_title_ending_description_and_notes_are_searched_in_lower_case(given: Given) -> None:
    described = IncidentDescribed(description="Under GATE 4")
    notes = NoteAdded(note=FIRST, text="Sand"), NoteAdded(note=SECOND, text="More sand")
    story = given(DECLARED, *notes, RESOLVED).when(described)
    lines = "the forklift leaks oil", "the seal was replaced", "under gate 4", "more sand", "sand"
    story.then_row(INCIDENT_SEARCH, text="\n".join(lines))


def test_a_retracted_note_is_not_searched(given: Given) -> None:
    noted = NoteAdded(note=FIRST, text="No oil")
    story = given(DECLARED, noted).when(NoteRetracted(note=FIRST))
    story.then_row(INCIDENT_SEARCH, text="the forklift leaks oil")


def test_of_very_long_texts_the_oldest_notes_are_not_searched(given: Given) -> None:
    long, last = NoteAdded(note=FIRST, text="é " * 99_000), NoteAdded(note=SECOND, text="Dry")
    story = given(DECLARED, long).when(last)
    text = story.shown.row(INCIDENT_SEARCH.table, stream("forklift"))["text"]
    assert text.startswith("the forklift leaks oil\ndry\né é ")
    assert 199_997 < len(text.encode()) <= 200_000


def test_the_table_takes_whatever_words_there_are_room_for(given: Given) -> None:
    compounds = "-".join(f"{chr(0x4E00 + n % 20_000)}{n % 7}" for n in range(60_000))
    addresses = " ".join(f"{n}.bb/{n}" for n in range(30_000))
    for text in (compounds, addresses, "x" * 300_000):
        given(DECLARED).when(NoteAdded(note=FIRST, text=text)).then_row(INCIDENT_SEARCH)


def test_a_mirror_reads_no_field_that_it_does_not_name() -> None:
    recorded = Story().tell("forklift", DECLARED)
    document = fold(None, recorded)
    for each in CATALOG.projections:
        if isinstance(each, Mirror) and each.of_fields:
            named = {name: document[name] for name in each.of_fields}
            assert each.values(named, recorded) == each.values(document, recorded)
