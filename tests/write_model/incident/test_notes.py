"""The notes of an incident as one flat value."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from write_model.incident.notes import NO_NOTES, author_of, with_note, without_note

FEW = st.integers(0, 5).map(lambda number: UUID(int=number << 64))


@given(st.lists(st.tuples(FEW, FEW), unique_by=lambda pair: pair[0]), FEW)
def test_notes_are_kept_as_in_a_dictionary(pairs: list[tuple[UUID, UUID]], gone: UUID) -> None:
    notes, kept = NO_NOTES, dict(pairs)
    for note, author in pairs:
        notes = with_note(notes, note, author)
    notes = without_note(notes, gone)
    kept.pop(gone, None)
    known = {note: author_of(notes, note) for note, _ in pairs if author_of(notes, note)}
    assert known == kept
