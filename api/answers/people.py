"""People as they are shown: who you are, the members, names behind ids, tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import RootModel

from api.answers.answer import ABSENT, Answer
from write_model.kernel.access import Role
from write_model.membership.membership import Standing


class Me(Answer):
    """Who you are here."""

    id: UUID
    name: str | None
    organization: UUID
    roles: list[Role]
    until: datetime | None
    """From then on the roles have no effect; null where nothing but a change ends them."""
    teams: list[str] | None
    """Whose incidents alone the roles are for; null for those of the whole organization."""


class Member(Answer):
    """A person's place in the organization."""

    id: UUID
    version: int
    """Of the membership; for `If-Match`."""
    status: Standing
    roles: list[Role]
    until: datetime | None
    """From then on the roles have no effect; null where nothing but a change ends them."""
    teams: list[str] | None
    """Whose incidents alone the roles are for; null for those of the whole organization."""


class ListedMember(Member):
    """A member, by name."""

    name: str | None
    """Null once the person's data was erased."""
    email: str | None
    """Null for who does not sign in."""


class Members(Answer):
    """Everyone who was ever added to the organization."""

    items: list[ListedMember]
    next_cursor: str | None
    """Null on the last page; another one may hold fewer than `limit`, too."""


class MemberThen(ListedMember):
    """A member as he was at a moment; name and address are of today."""

    as_of: datetime
    """The moment: now, where you asked for no other."""
    may_act: bool
    """Whether the roles had effect then."""


class NamedPerson(Answer):
    """A person who is known by name."""

    id: UUID
    name: str


class NamedPeople(Answer):
    """The names behind the ids."""

    items: list[NamedPerson]


class ListedPerson(Answer):
    """A person whom records can name by id."""

    id: UUID
    version: int
    """Of what is known of the person."""
    position: int
    """Of the organization, for `min_position`."""
    source_key: str = ABSENT
    """As you gave it."""


class ListedPeople(Answer):
    """Several, in the order in which you named them."""

    items: list[ListedPerson]


class WhoWasNamed(RootModel[ListedPerson | ListedPeople]):
    """Who was named: one person, or several when you gave `people`."""


class Tokens(Answer):
    """What you sign your requests with, and renew it with."""

    access_token: str
    """Send it as `Authorization: Bearer ...`."""
    token_type: Literal["Bearer"]
    expires_in: int
    """In seconds."""
    refresh_token: str
    """Good for one renewal."""


class ProofToken(Answer):
    """What you ask with where it must be certain that it is you."""

    access_token: str
    """Send it as `Authorization: Bearer ...`; it cannot be renewed."""
    token_type: Literal["Bearer"]
    expires_in: int
    """In seconds."""


class SecondFactor(Answer):
    """Your second factor."""

    enabled: bool
    recovery_codes_left: int


class SecondFactorOffer(Answer):
    """What an authenticator app needs: it is shown this once."""

    secret: str
    """For typing, in base 32."""
    uri: str
    """For a QR code."""


class RecoveryCodes(Answer):
    """Codes that stand in for the app, each once: they are shown this once."""

    recovery_codes: list[str]


class Session(Answer):
    """One of your sign-ins."""

    id: UUID
    organization: UUID
    began_at: datetime
    used_at: datetime
    """When it was begun or renewed last; two weeks later it ends by itself."""
    expires_at: datetime
    """When it ends, however often it is renewed."""
    current: bool
    """Whether this very request belongs to it."""


class Sessions(Answer):
    """Your sign-ins that have not ended, the newest first."""

    items: list[Session]
    next_cursor: str | None
    """Null on the last page."""


class StreamTicket(Answer):
    """What opens the stream once, in place of a token."""

    ticket: str
    expires_in: int
    """Seconds."""


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
