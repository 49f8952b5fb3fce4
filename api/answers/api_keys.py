"""API keys as they are shown: what each may do and until when, never the secret again."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from api.answers.answer import Answer


class ShownApiKey(Answer):
    """A service's key."""

    id: UUID
    """Stands as the actor of all that is done with the key."""
    version: int
    """For `If-Match`."""
    name: str
    prefix: str
    """How the secret in force begins."""
    scopes: list[str]
    status: Literal["active", "expired", "revoked"]
    expires_at: datetime
    created_by: UUID
    created_at: datetime
    used_at: datetime | None
    """When it was used last, to the hour; null when it never was."""


class ApiKeys(Answer):
    """Every key that was ever made, the oldest first."""

    items: list[ShownApiKey]
    next_cursor: str | None
    """Null on the last page; another one may hold fewer than `limit`, too."""


class ApiKeySecret(Answer):
    """The key with its secret, which is shown to this request only, and kept nowhere."""

    id: UUID
    version: int
    position: int
    """Of the organization, for `min_position`."""
    prefix: str
    key: str
    """Send it as `Authorization: Bearer ...`."""
    scopes: list[str]
    expires_at: datetime
