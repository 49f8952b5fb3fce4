"""Asks people into an organization: each sets a password of his own, or proves the one he has."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from uuid import UUID

from write_model.accounts import Accounts, NewMember
from write_model.kernel.access import Actor, Role
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.clock import Clock
from write_model.kernel.errors import Conflict, Invalid
from write_model.kernel.messages import Receipt
from write_model.kernel.passes import Holder, Pass, Passes
from write_model.membership.commands import (
    AcceptInvitation,
    InviteMember,
    WithdrawInvitation,
)
from write_model.membership.membership import Standing, membership_stream, must_outrank
from write_model.organization.commands import FoundOrganization

_NOBODY_KNOWS_BYTES = 18


@dataclass(frozen=True, slots=True)
class Invited:
    """`receipt`: of the membership."""

    subject: UUID
    offered: Pass
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Invitations:
    """Every step may be repeated after a crash; one that was recorded can be offered again."""

    accounts: Accounts
    passes: Passes
    clock: Clock

    async def found(self, name: str, owner: NewMember, *, by: Actor) -> tuple[UUID, Invited]:
        """A new organization, into which its first owner is invited."""
        tenant = self.accounts.ids()
        there = replace(by, tenant=tenant, source="system")
        await self.accounts.write_model.handle(tenant, FoundOrganization(name=name), by=there)
        invited = await self.invite(replace(owner, roles=frozenset({Role.OWNER})), by=there)
        return tenant, invited

    async def invite(self, member: NewMember, *, by: Actor) -> Invited:
        """Raises: Forbidden; IllegalTransition when the person is a member or invited already."""
        by.must(InviteMember.permission)
        must_outrank(by, *member.roles)
        accounts = self.accounts
        # Until the invitation is accepted nobody knows a password that goes with it.
        nobody_s = await accounts.passwords.hashed(secrets.token_urlsafe(_NOBODY_KNOWS_BYTES))
        blind = BlindIndex(accounts.master).of(member.email)
        subject, _ = await accounts.logins.claim(blind, accounts.ids(), nobody_s, tenant=by.tenant)
        await accounts.register(subject, member, by)
        command = InviteMember(
            subject=subject,
            name=member.name,
            roles=member.roles,
            until=member.until,
            teams=member.teams,
        )
        stream = membership_stream(by.tenant, subject)
        receipt = await accounts.write_model.handle(stream, command, by=by)
        return Invited(subject, await self._offered(by.tenant, subject), receipt)

    async def offer_again(self, subject: UUID, *, by: Actor) -> Pass:
        """Another token for who is invited; the older one is no longer good.

        Raises: Forbidden; NotFound; IllegalTransition.
        """
        by.must(InviteMember.permission)
        state = await self.accounts.membership(by.tenant, subject)
        state.must_be(Standing.INVITED)
        must_outrank(by, *state.roles)
        return await self._offered(by.tenant, subject)

    async def withdraw(self, subject: UUID, *, by: Actor) -> None:
        """Raises: Forbidden; NotFound; IllegalTransition when it was accepted; Conflict."""
        stream = membership_stream(by.tenant, subject)
        await self.accounts.write_model.handle(stream, WithdrawInvitation(), by=by)
        await self.passes.withdraw(by.tenant, subject)

    async def holder(self, token: str) -> Holder:
        """Whom an invitation is for. Raises: Invalid."""
        holder = await self.passes.holder(token, at=self.clock())
        if holder is None:
            raise Invalid(
                "This invitation is not, or no longer, good; ask for another one.", field="token"
            )
        return holder

    async def accept(self, token: str, holder: Holder, password: str, name: str | None) -> Receipt:
        """Make the holder an active member.

        Raises: Invalid for another password than the one he has; IllegalTransition; Conflict.
        """
        new_hash = await self._new_hash(holder, password)
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

    async def _offered(self, tenant: UUID, subject: UUID) -> Pass:
        return await self.passes.offer(tenant, subject, at=self.clock())
