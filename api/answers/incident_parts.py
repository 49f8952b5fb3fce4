"""What an incident's document holds many of: notes, tasks, links, evidence, amendments."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime

from api.answers.answer import ABSENT, Answer
from write_model.incident.events import LinkKind, Timer


class Said(Answer):
    author: UUID
    """Who said it; in imported history the person of the old row."""
    at: AwareDatetime
    """When it happened."""


class Note(Said):
    id: UUID
    text: str
    retracted: bool
    """Taken back; it stays visible."""


class Task(Said):
    id: UUID
    title: str
    assignee: UUID | None
    status: Literal["open", "done", "waived"]
    reason: str = ABSENT
    """Why it was waived."""


class Link(Said):
    id: UUID
    kind: LinkKind
    target: str
    """A record's id or reference, or an address."""


class Evidence(Said):
    id: UUID
    object_key: str
    sha256: str
    """Of its content, in hexadecimal."""
    size: int
    """In bytes."""
    media_type: str


class Amendment(Said):
    value: str
    reason: str


class SlaBreach(Said):
    timer: Timer
    """The clock that ran out."""
    generation: int
    """Which time the clocks ran."""


class RowAndStep(Answer):
    row: int
    """Counts from 1 in the source."""
    step: int
    """Counts the commands of one row from 0."""


class Unseen(Answer):
    """A person whose name you may not see, or whose data was erased."""

    subject: UUID
    erased: Literal[True] = ABSENT
