"""What has happened to a person's place in an organization.

The display name is sealed under the organization's own key for the subject.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from write_model.kernel.access import Role
from write_model.kernel.messages import Event, event
from write_model.kernel.personal import Personal


@event("membership.listed")
class PersonListed(Event):
    """Someone who appears in records but does not sign in."""

    subject: UUID
    name: Personal[str]


@event("membership.invited")
class MemberInvited(Event):
    """`roles` are sorted, so that the same set is always the same bytes.

    `until`: from then on they have no effect; None where they end only by another event. `teams`:
    whose records alone they are for, sorted; None for those of the whole organization.
    """

    subject: UUID
    name: Personal[str]
    roles: tuple[Role, ...]
    until: datetime | None = None
    teams: tuple[str, ...] | None = None


@event("membership.invitation_renewed")
class InvitationRenewed(Event):
    """There is another token, and the older one is no longer good."""


@event("membership.renamed")
class MemberRenamed(Event):
    subject: UUID
    name: Personal[str]


@event("membership.activated")
class MembershipActivated(Event):
    """From now on the person can act here."""


@event("membership.roles_changed")
class RolesChanged(Event):
    """`until`, `teams`: as when somebody is invited."""

    roles: tuple[Role, ...]
    before: tuple[Role, ...]
    until: datetime | None = None
    teams: tuple[str, ...] | None = None


@event("membership.suspended")
class MembershipSuspended(Event):
    reason: str | None = None


@event("membership.removed")
class MembershipRemoved(Event):
    reason: str | None = None


MembershipEvent = (
    PersonListed
    | MemberInvited
    | InvitationRenewed
    | MemberRenamed
    | MembershipActivated
    | RolesChanged
    | MembershipSuspended
    | MembershipRemoved
)
