"""Lets somebody who has forgotten his password set another, once another person vouches for him."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from write_model.accounts import Accounts
from write_model.deciding import Asked, Versions
from write_model.kernel.access import SYSTEM, Actor
from write_model.kernel.clock import Clock
from write_model.kernel.errors import Forbidden, Invalid, VersionMismatch
from write_model.kernel.messages import IdempotencyKey
from write_model.kernel.passes import Holder, Pass, Passes
from write_model.membership.commands import MembershipCommand
from write_model.membership.membership import Standing, must_outrank
from write_model.user.commands import RecordPasswordChange, RecordResetOffer

_BELONGS = (Standing.ACTIVE, Standing.SUSPENDED)
"""Not where he is only invited: nobody bars his own organization from helping by asking him in."""
_NOT_GOOD = (
    "This reset is not, or no longer, good: if you have set another password, sign in;"
    " otherwise ask for another one."
)


@dataclass(frozen=True, slots=True)
class ResetOffer:
    """`offered`: None when the request was sent again and its token is no longer good."""

    offered: Pass | None
    is_replayed: bool


@dataclass(frozen=True, slots=True)
class PasswordResets:
    """A password is a person's everywhere, so one of two organizations must not set it.

    The operator of the server may: he reads the database anyway.
    """

    accounts: Accounts
    passes: Passes
    clock: Clock

    async def offer(
        self,
        subject: UUID,
        *,
        by: Actor,
        key: IdempotencyKey | None = None,
        expected: Versions | None = None,
    ) -> ResetOffer:
        """For a member of the actor's organization, who belongs to no other.

        `expected`: the version of the membership that the actor saw.
        Raises: what `must_vouch_for` raises; VersionMismatch; KeyReused.
        """
        command = RecordResetOffer(organization=by.tenant)
        version = await self.must_vouch_for(subject, by=by)
        token, system, kept = self.passes.token(by, key), _system(by), _of_organization(key, by)
        if kept is not None and await self.accounts.write_model.answered_before(system, kept):
            return ResetOffer(await self._still_good(token), is_replayed=True)
        if not Asked(subject, command, expected).rests_on(version):
            raise VersionMismatch(version)
        # First, so that what is on record can be used; whoever is cut off in between tries again.
        offered = await self.passes.offer(by.tenant, subject, token, at=self.clock())
        receipt = await self.accounts.write_model.handle(subject, command, by=system, key=kept)
        return ResetOffer(offered, receipt.replayed)

    async def must_vouch_for(self, subject: UUID, *, by: Actor) -> int:
        """The version of the membership that this rests on.

        Raises: Forbidden; NotFound; IllegalTransition; SegregationOfDuties, unless the actor may
        say who an active member of his, and of nobody else's, is.
        """
        by.must(MembershipCommand.permission)
        state, version = await self.accounts.membership_and_version(by.tenant, subject)
        state.must_be(Standing.ACTIVE)
        state.must_be_changed_by_another(by)
        must_outrank(by, *state.roles)
        if not await self._belongs_here_only(by.tenant, subject):
            raise Forbidden(
                MembershipCommand.permission,
                "Only the operator of this server can do this for a member of two organizations.",
            )
        return version

    async def offer_by_operator(self, subject: UUID, *, by: Actor) -> Pass:
        """For anybody who can sign in."""
        token, command = self.passes.token(by, None), RecordResetOffer(organization=SYSTEM)
        await self.accounts.write_model.handle(subject, command, by=_system(by))
        return await self.passes.offer(SYSTEM, subject, token, at=self.clock())

    async def holder(self, token: str) -> Holder:
        """Whom a reset was offered to. Raises: Invalid."""
        holder = await self.passes.holder(token, at=self.clock())
        if holder is None or not await self._is_still_good(holder.tenant, holder.user):
            raise Invalid(_NOT_GOOD, field="token")
        return holder

    async def use(self, token: str, holder: Holder, new_password: str) -> None:
        """Set the holder's password, which ends all his sign-ins.

        Raises: Invalid; Overloaded.
        """
        new_hash = await self.accounts.passwords.hashed(new_password)
        # Written down first, as every change of a password.
        by = Actor(holder.user, SYSTEM, source="system")
        await self.accounts.write_model.handle(holder.user, RecordPasswordChange(), by=by)
        if not await self.passes.use(token, new_hash=new_hash, at=self.clock()):
            raise Invalid(_NOT_GOOD, field="token")

    async def _still_good(self, token: str) -> Pass | None:
        holder = await self.passes.holder(token, at=self.clock())
        return Pass(token, holder.expires_at) if holder else None

    async def _is_still_good(self, tenant: UUID, subject: UUID) -> bool:
        if tenant == SYSTEM:
            return True
        state = await self.accounts.membership(tenant, subject)
        is_active = state.standing is Standing.ACTIVE
        return is_active and await self._belongs_here_only(tenant, subject)

    async def _belongs_here_only(self, tenant: UUID, subject: UUID) -> bool:
        for other in await self.accounts.logins.organizations_of(subject):
            if other != tenant:
                state = await self.accounts.membership(other, subject)
                if state.standing in _BELONGS:
                    return False
        return True


def _of_organization(key: IdempotencyKey | None, by: Actor) -> IdempotencyKey | None:
    """The log keeps it with the person's stream, under the tenant that all organizations share."""
    return None if key is None else key._replace(key=f"{by.tenant} {key.key}")


def _system(by: Actor) -> Actor:
    return replace(by, tenant=SYSTEM, source="system")
