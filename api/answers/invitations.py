"""Invitations, and the tokens that are handed over: to come in, or for another password."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from api.answers.answer import Answer
from write_model.kernel.access import Role


class Offer(Answer):
    """A token that you hand to the person: it is kept nowhere."""

    token: str | None
    """Null where the request was sent again and it is no longer good."""
    expires_at: datetime | None
    """Null with the token."""


class OfferedInvitation(Offer):
    """An invitation; hand its token to the person: it is kept nowhere."""

    id: UUID
    """The person, as a member."""
    status: Literal["invited"]


class OfferedMembership(OfferedInvitation):
    """The invitation of a member; hand its token to the person: it is kept nowhere."""

    version: int
    """Of the membership; also in `ETag`."""
    position: int
    """Of the organization, for `min_position`; also in `X-Position`."""


class FoundedOrganization(OfferedInvitation):
    """The organization, and the invitation of its first owner."""

    organization: UUID


class Invitation(Answer):
    """Somebody who was asked in and has not answered."""

    id: UUID
    """The person, as a member."""
    name: str | None
    email: str | None
    roles: list[Role]
    until: datetime | None
    """From then on the roles will have no effect."""
    teams: list[str] | None
    """Whose incidents alone they will be for."""
    made_at: datetime
    expires_at: datetime
    expired: bool


class Invitations(Answer):
    """Those that were neither accepted nor withdrawn, the oldest first."""

    items: list[Invitation]
    next_cursor: str | None
    """Null on the last page; another one may hold fewer than `limit`, too."""


class AcceptedInvitation(Answer):
    """Where you are a member now."""

    id: UUID
    """You, as a member."""
    organization: UUID
    version: int
    """Of the membership."""
    position: int
    """Of the organization, for `min_position`."""
