"""A person's place in an organization, folded from its events, and the rules that protect it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from write_model.kernel.access import SYSTEM, Actor, Role
from write_model.kernel.errors import (
    Forbidden,
    IllegalTransition,
    Invalid,
    NotFound,
    SegregationOfDuties,
)
from write_model.kernel.ids import derived_id
from write_model.kernel.messages import Aggregate
from write_model.kernel.personal import Personal
from write_model.membership.events import (
    InvitationRenewed,
    MemberInvited,
    MemberRenamed,
    MembershipActivated,
    MembershipEvent,
    MembershipRemoved,
    MembershipSuspended,
    PersonListed,
    RolesChanged,
)

_MANAGE = "members.manage"
_OF_ALL = frozenset({Role.OWNER, Role.ADMIN})


class Standing(StrEnum):
    NONE = "none"
    LISTED = "listed"
    INVITED = "invited"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REMOVED = "removed"


_LEADS_TO: Mapping[type[MembershipEvent], Standing] = {
    InvitationRenewed: Standing.INVITED,
    MembershipActivated: Standing.ACTIVE,
    MembershipSuspended: Standing.SUSPENDED,
}


@dataclass(frozen=True, slots=True)
class Membership:
    """The name stays sealed in the state, as it is in the log.

    `until`: from then on the roles have no effect; None where nothing but a change ends them.
    `teams`: whose records alone they are for; None for those of the whole organization.
    """

    standing: Standing = Standing.NONE
    subject: UUID = SYSTEM
    name: Personal[str] | None = None
    roles: frozenset[Role] = frozenset()
    until: datetime | None = None
    teams: frozenset[str] | None = None

    def after(self, event: MembershipEvent, /, *, by: UUID, at: datetime) -> Membership:
        match event:
            case PersonListed(subject=subject, name=name):
                return Membership(Standing.LISTED, subject, name)
            case MemberInvited(subject=subject, name=name):
                return _with_roles(Membership(Standing.INVITED, subject, name), event)
            case MemberRenamed(name=name):
                return replace(self, name=name)
            case InvitationRenewed() | MembershipActivated() | MembershipSuspended():
                return replace(self, standing=_LEADS_TO[type(event)])
            case RolesChanged():
                return _with_roles(self, event)
            case MembershipRemoved():
                return Membership(Standing.REMOVED, self.subject, self.name)
            case _:
                assert_never(event)

    def may_act(self, at: datetime) -> bool:
        """Whether the roles have effect at that moment."""
        return self.standing is Standing.ACTIVE and (self.until is None or at < self.until)

    def must_be(self, *legal: Standing) -> None:
        """Raises: NotFound for nobody; IllegalTransition."""
        if self.standing is Standing.NONE:
            raise NotFound
        if self.standing not in legal:
            raise IllegalTransition(
                f"This person is {self.standing.value} here, which does not allow it.",
                allowed=tuple(standing.value for standing in legal),
            )

    def must_be_changed_by_another(self, actor: Actor) -> None:
        """Nobody changes his own membership: so an organization never loses its last owner.

        Of two who change each other at once one stays, by `must_still_outrank`.

        Raises: SegregationOfDuties.
        """
        if actor.id == self.subject:
            raise SegregationOfDuties("Ask another administrator to change your own membership.")


def _with_roles(state: Membership, event: MemberInvited | RolesChanged) -> Membership:
    teams = None if event.teams is None else frozenset(event.teams)
    return replace(state, roles=frozenset(event.roles), until=event.until, teams=teams)


def must_outrank(actor: Actor, *roles: Role) -> None:
    """Only an owner gives or takes the owner's role.

    Raises: Forbidden.
    """
    if Role.OWNER in roles and Role.OWNER not in actor.roles and actor.source != "system":
        raise Forbidden(_MANAGE, "Only an owner decides about owners.")


def must_still_outrank(actor: Actor, own: Membership, *roles: Role, at: datetime) -> None:
    """The same by his membership as it is when it is decided: it may have been changed since.

    Raises: Forbidden.
    """
    if not own.may_act(at):
        raise Forbidden(_MANAGE, "You are not an active member of this organization any more.")
    now = replace(actor, roles=own.roles)
    now.must(_MANAGE)
    must_outrank(now, *roles)


def must_be_timed(roles: frozenset[Role], until: datetime | None, now: datetime) -> None:
    """Who comes from outside comes for a time; an owner stays, or nobody would be left.

    Raises: Invalid.
    """
    if until is None and Role.EXTERNAL_AUDITOR in roles:
        raise Invalid("Say until when the external auditor is let in.", field="until")
    if until is not None and Role.OWNER in roles:
        raise Invalid("An owner cannot be one for a time only; leave until out.", field="until")
    if until is not None and until <= now:
        raise Invalid("Give a time that is still to come.", field="until")


def must_be_bound(roles: frozenset[Role], teams: frozenset[str] | None) -> None:
    """Who administers the organization does so for all of it.

    Raises: Invalid.
    """
    if teams is not None and roles & _OF_ALL:
        raise Invalid("Owners and admins are bound to no teams; leave teams out.", field="teams")


def membership_stream(tenant: UUID, subject: UUID) -> UUID:
    """Where a person's membership lies: one per organization and person."""
    return derived_id("membership", tenant, subject)


MEMBERSHIP = Aggregate("membership", "MEM", Membership())
