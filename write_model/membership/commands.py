"""What may be asked about a person's place in an organization."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints

from write_model.kernel.access import Actor, Role
from write_model.kernel.errors import IllegalTransition
from write_model.kernel.messages import Command, Moment
from write_model.kernel.personal import Clear
from write_model.kernel.texts import STORABLE, PersonName
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
from write_model.membership.membership import (
    MEMBERSHIP,
    Membership,
    Standing,
    membership_stream,
    must_be_bound,
    must_be_timed,
    must_outrank,
    must_still_outrank,
)

_WITHOUT_COMMAS = STORABLE.replace("[^", "[^,", 1)
_TEAMS = (
    "The teams whose incidents alone the member sees and changes; left out, all of the"
    " organization. Owners and admins cannot be bound."
)
_UNTIL = (
    "From then on the roles have no effect; left out, they last until they are changed. An"
    " external auditor needs it, and an owner cannot have it."
)

Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000, pattern=STORABLE),
]
Roles = Annotated[frozenset[Role], Field(min_length=1)]
Until = Annotated[AwareDatetime | None, Field(description=_UNTIL)]

Team = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_WITHOUT_COMMAS),
]
Teams = Annotated[frozenset[Team] | None, Field(description=_TEAMS, min_length=1, max_length=50)]

ANYWHERE = (Standing.INVITED, Standing.ACTIVE, Standing.SUSPENDED)


class MembershipCommand(Command):
    aggregate: ClassVar = MEMBERSHIP
    permission: ClassVar = "members.manage"


class ChangeOfAnother(MembershipCommand):
    """Of two owners who remove each other at once, one stays: who asks must be somebody still."""

    def involves(self, by: Actor, /) -> tuple[UUID, ...]:
        return () if by.source == "system" else (membership_stream(by.tenant, by.id),)

    def must_be_decided_by(self, moment: Moment, state: Membership, *roles: Role) -> None:
        """`roles`: which are given or taken. Raises: SegregationOfDuties, Forbidden."""
        state.must_be_changed_by_another(moment.actor)
        must_outrank(moment.actor, *roles)
        for own in moment.others.values():
            must_still_outrank(moment.actor, own, *roles, at=moment.now)


class ListPerson(MembershipCommand):
    """Name a person who appears in records but does not sign in; repeated, it changes nothing."""

    permission: ClassVar = "records.import"
    subject: UUID
    name: PersonName

    def decide(self, state: Membership, moment: Moment) -> Iterator[PersonListed]:
        if state.standing is Standing.NONE:
            yield PersonListed(subject=self.subject, name=Clear(self.subject, self.name))


class AddMember(MembershipCommand):
    """Bring a person into the organization with roles; he can act here at once."""

    subject: UUID
    name: PersonName
    roles: Roles
    until: Until = None
    teams: Teams = None

    def decide(self, state: Membership, moment: Moment) -> Iterator[MembershipEvent]:
        yield _invited(self, state, moment)
        yield MembershipActivated()


class InviteMember(MembershipCommand):
    """Ask a person into the organization with roles; he can act here once he has accepted."""

    subject: UUID
    name: PersonName
    roles: Roles
    until: Until = None
    teams: Teams = None

    def decide(self, state: Membership, moment: Moment) -> Iterator[MembershipEvent]:
        yield _invited(self, state, moment)


class AcceptInvitation(MembershipCommand):
    """Come into the organization; repeated, it changes nothing."""

    name: PersonName | None = None
    """How the person wants to be called here; as he was invited when left out."""

    def decide(self, state: Membership, moment: Moment) -> Iterator[MembershipEvent]:
        if state.standing is Standing.ACTIVE:
            return
        state.must_be(Standing.INVITED)
        if self.name is not None:
            yield MemberRenamed(subject=state.subject, name=Clear(state.subject, self.name))
        yield MembershipActivated()


class RenewInvitation(MembershipCommand):
    """Make another token for an invitation; the older one is no longer good."""

    def decide(self, state: Membership, moment: Moment) -> Iterator[InvitationRenewed]:
        state.must_be(Standing.INVITED)
        must_outrank(moment.actor, *state.roles)
        yield InvitationRenewed()


class WithdrawInvitation(MembershipCommand):
    """Take an invitation back before it was accepted."""

    def decide(self, state: Membership, moment: Moment) -> Iterator[MembershipRemoved]:
        state.must_be(Standing.INVITED)
        must_outrank(moment.actor, *state.roles)
        yield MembershipRemoved()


class ChangeRoles(ChangeOfAnother):
    """Give a member other roles; they replace those held before."""

    roles: Roles
    """All that the member holds from now on."""
    until: Until = None
    teams: Teams = None

    def decide(self, state: Membership, moment: Moment) -> Iterator[RolesChanged]:
        state.must_be(*ANYWHERE)
        self.must_be_decided_by(moment, state, *self.roles, *state.roles)
        must_be_timed(self.roles, self.until, moment.now)
        must_be_bound(self.roles, self.teams)
        held = (state.roles, state.until, state.teams)
        if (self.roles, self.until, self.teams) != held:
            yield RolesChanged(
                roles=_sorted(self.roles),
                before=_sorted(state.roles),
                until=self.until,
                teams=_named(self.teams),
            )


class SuspendMember(ChangeOfAnother):
    """Keep a member out until further notice; his records stay."""

    reason: Reason | None = None
    """Kept in the history, for whoever asks later why."""

    def decide(self, state: Membership, moment: Moment) -> Iterator[MembershipSuspended]:
        state.must_be(Standing.ACTIVE)
        self.must_be_decided_by(moment, state, *state.roles)
        yield MembershipSuspended(reason=self.reason)


class ReinstateMember(MembershipCommand):
    """Let a suspended member act again, with the roles held before."""

    def decide(self, state: Membership, moment: Moment) -> Iterator[MembershipActivated]:
        state.must_be(Standing.SUSPENDED)
        must_outrank(moment.actor, *state.roles)
        yield MembershipActivated()


class RemoveMember(ChangeOfAnother):
    """End a membership; what the person has done stays on record."""

    reason: Reason | None = None
    """Kept in the history, for whoever asks later why."""

    def decide(self, state: Membership, moment: Moment) -> Iterator[MembershipRemoved]:
        state.must_be(*ANYWHERE, Standing.LISTED)
        self.must_be_decided_by(moment, state, *state.roles)
        yield MembershipRemoved(reason=self.reason)


def _invited(command: AddMember | InviteMember, state: Membership, moment: Moment) -> MemberInvited:
    must_outrank(moment.actor, *command.roles, *state.roles)
    must_be_timed(command.roles, command.until, moment.now)
    must_be_bound(command.roles, command.teams)
    if state.standing in ANYWHERE:
        raise IllegalTransition(
            f"This person is a member already, and {state.standing.value}.",
            allowed=("none", "listed", "removed"),
        )
    name = Clear(command.subject, command.name)
    return MemberInvited(
        subject=command.subject,
        name=name,
        roles=_sorted(command.roles),
        until=command.until,
        teams=_named(command.teams),
    )


def _named(teams: frozenset[str] | None) -> tuple[str, ...] | None:
    return None if teams is None else tuple(sorted(teams))


def _sorted(roles: frozenset[Role]) -> tuple[Role, ...]:
    return tuple(sorted(roles))
