"""Asks people into an organization: each sets a password of his own, or proves the one he has."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from uuid import UUID

from write_model.accounts import Accounts, NewMember
from write_model.deciding import Versions
from write_model.kernel.access import SYSTEM, Actor, Role
from write_model.kernel.clock import Clock
from write_model.kernel.errors import Conflict, Invalid
from write_model.kernel.messages import IdempotencyKey, Receipt
from write_model.kernel.passes import Holder, Pass, Passes
from write_model.membership.commands import (
    ANYWHERE,
    AcceptInvitation,
    InviteMember,
    RenewInvitation,
    WithdrawInvitation,
)
from write_model.membership.membership import (
    MEMBERSHIP,
    Standing,
    membership_stream,
    must_be_bound,
    must_be_timed,
    must_outrank,
)
from write_model.organization.commands import FoundOrganization
from write_model.user.commands import RecordInvitation

_NOBODY_KNOWS_BYTES = 18
_OF_THE_FIRST_OWNER = "the first owner"
"""Under the founder's key the founding itself is kept."""


@dataclass(frozen=True, slots=True)
class Invited:
    """`offered`: None when its token is no longer good: the request was sent again, or another one
    at the same time.

    `receipt`: of the membership.
    """

    subject: UUID
    offered: Pass | None
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Invitations:
    """Every step may be repeated after a crash; one that was recorded can be offered again.

    Nothing tells the inviter whether the person is known elsewhere: no answer, no id, no work.
    """

    accounts: Accounts
    passes: Passes
    clock: Clock

    async def found(
        self, name: str, owner: NewMember, *, by: Actor, key: IdempotencyKey | None = None
    ) -> tuple[UUID, Invited]:
        """A new organization, into which its first owner is invited; a key founds only one.

        Raises: KeyReused; Conflict.
        """
        tenant = self.accounts.made_id("organizations", by, key)
        there = replace(by, tenant=tenant, source="system")
        founding = FoundOrganization(name=name)
        await self.accounts.write_model.handle(tenant, founding, by=there, key=key)
        inviting = None if key is None else key._replace(key=_OF_THE_FIRST_OWNER)
        first = replace(owner, roles=frozenset({Role.OWNER}))
        return tenant, await self.invite(first, by=there, key=inviting)

    async def invite(
        self, member: NewMember, *, by: Actor, key: IdempotencyKey | None = None
    ) -> Invited:
        """Ask a person in, known or not.

        Raises: Forbidden; Invalid; IllegalTransition when the person is a member or invited
        already; KeyReused.
        """
        self._must_be_possible(member, by)
        write_model = self.accounts.write_model
        first = await write_model.answered_before(by, key) if key else None
        subject = await (self._behind(first.stream, by) if first else self._claimed(member, by))
        command = InviteMember(
            subject=subject,
            name=member.name,
            roles=member.roles,
            until=member.until,
            teams=member.teams,
        )
        stream = membership_stream(by.tenant, subject)
        receipt = await write_model.handle(stream, command, by=by, key=key)
        return await self._offered(subject, receipt, by, key)

    async def renew(
        self,
        subject: UUID,
        *,
        by: Actor,
        key: IdempotencyKey | None = None,
        expected: Versions | None = None,
    ) -> Invited:
        """Another token for who is invited; the older one is no longer good.

        Raises: Forbidden; NotFound; IllegalTransition; VersionMismatch; KeyReused.
        """
        stream = membership_stream(by.tenant, subject)
        receipt = await self.accounts.write_model.handle(
            stream, RenewInvitation(), by=by, key=key, expected=expected
        )
        return await self._offered(subject, receipt, by, key)

    async def withdraw(
        self,
        subject: UUID,
        *,
        by: Actor,
        key: IdempotencyKey | None = None,
        expected: Versions | None = None,
    ) -> Receipt:
        """Raises: Forbidden; NotFound; IllegalTransition when it was accepted; VersionMismatch."""
        stream = membership_stream(by.tenant, subject)
        receipt = await self.accounts.write_model.handle(
            stream, WithdrawInvitation(), by=by, key=key, expected=expected
        )
        await self.passes.withdraw(by.tenant, subject, version=receipt.version)
        return receipt

    async def holder(self, token: str) -> Holder:
        """Whom an invitation is for. Raises: Invalid."""
        holder = await self.passes.holder(token, at=self.clock())
        if holder is None:
            raise Invalid(
                "This invitation is not, or no longer, good: if you have accepted it, sign in;"
                " otherwise ask for another one.",
                field="token",
            )
        return holder

    async def accept(self, token: str, holder: Holder, password: str, name: str | None) -> Receipt:
        """Make the holder an active member.

        Raises: Invalid for another password than the one he has; IllegalTransition; Conflict.
        """
        new_hash = await self._new_hash(holder, password)
        await self.holder(token)  # Hashing took long: another token may have taken its place.
        command = AcceptInvitation(name=name)
        receipt = await self.accounts.write_model.handle(
            membership_stream(holder.tenant, holder.user),
            command,
            by=Actor(holder.user, holder.tenant, source="system"),
        )
        if not await self.passes.use(token, new_hash=new_hash, at=self.clock()):
            raise Conflict("The invitation was used at the same time; try to sign in.")
        return receipt

    async def _new_hash(self, holder: Holder, password: str) -> str | None:
        """None for who has a password already, which is never set by an invitation."""
        passwords = self.accounts.passwords
        if holder.is_pending:
            return await passwords.hashed(password)
        if not (await passwords.verified(password, holder.password_hash)).matches:
            raise Invalid(
                "You have an account here already; accept with its password.", field="password"
            )
        return None

    def _must_be_possible(self, member: NewMember, by: Actor) -> None:
        """Before the first step: of an invitation that is refused nothing is left behind."""
        by.must(InviteMember.permission)
        must_outrank(by, *member.roles)
        must_be_timed(member.roles, member.until, self.clock())
        must_be_bound(member.roles, member.teams)

    async def _behind(self, stream: UUID, by: Actor) -> UUID:
        state, _ = await self.accounts.write_model.state(by.tenant, stream, MEMBERSHIP)
        subject: UUID = state.subject
        return subject

    async def _claimed(self, member: NewMember, by: Actor) -> UUID:
        accounts = self.accounts
        # Until the invitation is accepted nobody knows a password that goes with it.
        nobody_s = await accounts.passwords.hashed(secrets.token_urlsafe(_NOBODY_KNOWS_BYTES))
        subject, _ = await accounts.claimed(member.email, nobody_s, by=by)
        # Whoever is in already is not asked in: inviting him is refused, or answered as before.
        if (await accounts.membership(by.tenant, subject)).standing not in ANYWHERE:
            await self._written_down(subject, member, by)
        return subject

    async def _written_down(self, subject: UUID, member: NewMember, by: Actor) -> None:
        command = RecordInvitation(name=member.name, email=member.email, organization=by.tenant)
        system = replace(by, tenant=SYSTEM, source="system")
        await self.accounts.write_model.handle(subject, command, by=system)

    async def _offered(
        self, subject: UUID, receipt: Receipt, by: Actor, key: IdempotencyKey | None
    ) -> Invited:
        if receipt.replayed and not await self._waits(subject, by):
            return Invited(subject, None, receipt)
        token, at = self.passes.token(by, key), self.clock()
        offered = await self.passes.offer_in_order(
            by.tenant, subject, token, at=at, version=receipt.version
        )
        return Invited(subject, offered, receipt)

    async def _waits(self, subject: UUID, by: Actor) -> bool:
        """Whether he is invited, and has not accepted."""
        state = await self.accounts.membership(by.tenant, subject)
        return state.standing is Standing.INVITED
