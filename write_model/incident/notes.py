"""The notes that stand on an incident, each with its author, as one flat value.

A state is copied with every event. Of a dictionary each key would be visited, somewhere in memory
that is not in the cache: with ten notes 1.3 µs of a command's 38 (measured).
"""

from __future__ import annotations

from uuid import UUID

Notes = bytes
"""32 bytes for each note: its id, its author's id."""

NO_NOTES: Notes = b""

_ID, _PAIR = 16, 32


def with_note(notes: Notes, note: UUID, author: UUID) -> Notes:
    return notes + note.bytes + author.bytes


def without_note(notes: Notes, note: UUID) -> Notes:
    """The same notes when it is none of them."""
    at = _place(notes, note)
    return notes if at is None else notes[:at] + notes[at + _PAIR :]


def author_of(notes: Notes, note: UUID) -> UUID | None:
    """None for a note that does not stand."""
    at = _place(notes, note)
    return None if at is None else UUID(bytes=notes[at + _ID : at + _PAIR])


def _place(notes: Notes, note: UUID) -> int | None:
    id_ = note.bytes
    places = (at for at in range(0, len(notes), _PAIR) if notes[at : at + _ID] == id_)
    return next(places, None)
