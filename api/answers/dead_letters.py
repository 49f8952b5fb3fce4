"""What is parked, and what is going to be tried."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from api.answers.answer import Answer

Asked = Literal["retry", "skip"]


class DeadLetter(Answer):
    """A record that is shown as it was before an event that could not be applied."""

    stream: UUID
    """The record's id."""
    reference: str | None
    """Its human reference, such as INC-42; null for records that have none."""
    version: int
    """The event's, in the record; for `skip`."""
    type: str
    """The event's, such as incident.acknowledged."""
    position: int
    """The event's, in the organization."""
    reason: str
    """Why it could not be applied."""
    behind: int
    """How many later events of the record wait for it."""
    since: datetime
    """When the event was recorded: what is shown is that old."""
    asked: Asked | None
    """What the projector is about to try; null when nothing was asked for."""


class DeadLetters(Answer):
    """What is parked in the organization, the oldest first."""

    items: list[DeadLetter]
    records: int
    """How many are parked in all."""
    events: int
    """How many of their events wait."""


class RepairAsked(Answer):
    """What the projector will try, within seconds; the list tells what became of it."""

    stream: UUID
    """The record's id."""
    asked: Asked
