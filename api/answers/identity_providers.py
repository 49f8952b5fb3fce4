"""Identity providers as they are shown, and what signing in at one begins with."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from api.answers.answer import Answer


class ShownIdentityProvider(Answer):
    """Where members may sign in instead of by password."""

    id: UUID
    """Stands in the address that signing in begins at."""
    name: str
    issuer: str
    client_id: str
    redirect_addresses: list[str]
    admits_owners: bool
    """Whether owners sign in through it too, which they do where an owner has set it."""


class IdentityProviders(Answer):
    """All that the organization trusts, in the order in which they were set last."""

    items: list[ShownIdentityProvider]
    version: int
    """Of the organization, for `If-Match`."""
    next_cursor: None
    """Always null: they come all at once."""


class LinkedProvider(Answer):
    """A provider that knows you."""

    id: UUID
    name: str
    linked_at: datetime
    """When you signed in through it first."""


class LinkedProviders(Answer):
    """All that tell of you here, the latest last."""

    items: list[LinkedProvider]
    next_cursor: None
    """Always null: they come all at once."""


class ProviderReceipt(Answer):
    """The provider is set."""

    id: UUID
    version: int
    """Of the organization."""
    position: int
    """Of the organization, for `min_position`."""


class ToProvider(Answer):
    """Where the browser goes, and what it keeps meanwhile."""

    address: str
    flow: str
    """Send it with what the provider sends you back with; it is good for ten minutes, once."""
