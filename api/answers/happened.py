"""Events as they are shown: an incident's history and timeline, and the organization's feed."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from api.answers.answer import ABSENT, Answer, Awaited
from write_model.kernel.access import Source


class Change(Answer):
    """A field before and after; of a list, one item that is new, gone or different."""

    field: str
    before: Any = Field(alias="from")
    to: Any


class ImportedRow(Answer):
    """The row of an older system that the event stands for."""

    row: int
    """Counts from 1 in the source."""
    step: int
    """Counts the commands of one row from 0."""
    team: str | None
    person: UUID | None


class Happened(Answer):
    """An event, and what it changed."""

    position: int
    """Of the organization."""
    version: int
    """Of the record, after the event."""
    type: str
    """Such as incident.resolved; it never changes its meaning."""
    recorded_at: AwareDatetime
    occurred_at: AwareDatetime
    """May be earlier than it was recorded."""
    actor: UUID
    """The person who asked for it."""
    source: Source
    """By which way it came."""
    changes: list[Change]
    reason: str = ABSENT
    """Why, where a reason was given."""
    deviations: list[str] = ABSENT
    """The rules that imported history broke, by name."""
    imported: ImportedRow = ABSENT


class HappenedPage(Awaited):
    """A page of what happened to one record."""

    items: list[Happened]
    next_cursor: str | None
    """For the next page; null where there is none."""


class CloudEvent(Answer):
    """An event in a CloudEvents 1.0 envelope."""

    specversion: Literal["1.0"]
    id: str
    """The record and its version; the same event always has the same."""
    source: str
    """The organization."""
    type: str
    """Such as incident.resolved; it never changes its meaning."""
    subject: UUID
    """The record."""
    time: AwareDatetime
    """When it was recorded."""
    datacontenttype: Literal["application/json"]
    position: int
    """Of the organization, in the order of the log: dense but for who is bound to teams."""
    version: int
    """Of the record, after the event."""
    tenant: UUID
    """The organization."""
    actor: UUID
    """The person who asked for it."""
    occurred_at: AwareDatetime
    """May be earlier than it was recorded."""
    schema_version: int
    """Of the type's fields."""
    data: Happened


class EventPage(Awaited):
    """A page of the organization's events."""

    items: list[CloudEvent]
    next: int
    """Go on with `after` = this: nothing up to it was left out."""
    epoch: int
    """Send it along with `after`: it tells whether a restored log has lost what you read."""
    more: bool
    """Whether there is more to be read at once."""
