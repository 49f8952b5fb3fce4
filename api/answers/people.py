"""People as they are shown: who you are, the members, names behind ids."""

from __future__ import annotations

from datetime import datetime
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
