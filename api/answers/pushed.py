"""What is said on the stream, by either side."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime

from api.answers.answer import Answer


class Pushed(Answer):
    """Something has happened; which fields it changed, and none of their values."""

    specversion: Literal["1.0"]
    id: str
    """The record and its version: no two events have the same."""
    source: str
    """The address of the organization."""
    type: str
    """Such as incident.resolved; it never changes its meaning."""
    subject: UUID
    """The record."""
    time: AwareDatetime
    """When it was recorded."""
    position: int
    """Of the organization: dense but for who is bound to teams, and what to resume after."""
    epoch: int
    """The branch of the log; another one once it was restored."""
    version: int
    """Of the record, after the event."""
    tenant: UUID
    """The organization."""
    actor: UUID
    """The person who asked for it."""
    occurred_at: AwareDatetime
    """May be earlier than it was recorded."""
    schema_version: int
    reference: str | None
    """The human reference, such as INC-42; null for records that have none."""
    changed: list[str]
    """The fields that it changed."""


class TokenTaken(Answer):
    """The stream goes on with the token that was sent."""

    type: Literal["stream.token_taken"]


class GoingOn(Answer):
    """Another access token of the same person, before the one in use runs out."""

    access_token: str
