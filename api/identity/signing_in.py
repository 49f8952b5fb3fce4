"""Signs people in: with e-mail, password and a code, or told of by somebody who is trusted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from api.identity.actors import Actors
from api.identity.guesses import Guesses
from api.identity.issuing import Issuing, SignedIn
from api.identity.on_record import OnRecord
from api.identity.second_step import SecondStep
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.clock import Clock
from write_model.kernel.credentials import Login, Logins
from write_model.kernel.errors import Unauthenticated
from write_model.kernel.passwords import Passwords

WRONG = "E-mail or password is wrong."


@dataclass(frozen=True, slots=True)
class SigningIn:
    logins: Logins
    passwords: Passwords
    blind_index: BlindIndex
    second_step: SecondStep
    issuing: Issuing
    actors: Actors
    guesses: Guesses
    on_record: OnRecord
    clock: Clock

    async def sign_in(
        self,
        email: str,
        password: str,
        code: str | None = None,
        *,
        address: str,
        organization: UUID | None = None,
    ) -> SignedIn:
        """`organization`: None for the first one that lets the person in.

        Raises: Unauthenticated, the same for whatever was wrong; SecondFactorRequired;
        RateLimited; Overloaded.
        """
        blind = self.blind_index.of(email)
        await self.guesses.guess_from(address, blind)
        tried = partial(self._tried, blind, password, code, organization)
        signed_in = await tried()
        if signed_in is None:
            # Once more, for another sign-in may have hashed the same password anew. The second step
            # was passed already, with a code that is not good twice.
            signed_in = await tried(is_passed=True)
        if signed_in is None:
            raise Unauthenticated(WRONG)
        return signed_in

    async def begin(self, user: UUID, tenant: UUID) -> SignedIn:
        """For a member who was told by something else than his password.

        Raises: Unauthenticated when that changed at this moment.
        """
        kept = await self.logins.password_of(user)
        begun = None if kept is None else await self.issuing.first_pair(user, tenant, verified=kept)
        if begun is None:
            raise Unauthenticated("Your password was changed at the same time; sign in again.")
        return begun

    async def _tried(
        self,
        blind: bytes,
        password: str,
        code: str | None,
        organization: UUID | None,
        *,
        is_passed: bool = False,
    ) -> SignedIn | None:
        """None when the hash changed while it was verified."""
        login = await self.logins.find(blind)
        verdict = await self.passwords.verified(password, login.password_hash if login else None)
        if login is None:
            raise Unauthenticated(WRONG)
        if not (verdict.matches and login.is_good(self.clock())):
            self.on_record.note(login.user, "sign_in_failed")
            raise Unauthenticated(WRONG)
        await self.guesses.right(blind)
        if not is_passed:
            await self.second_step.must_pass(login.user, code)
        kept = await self._tidied(login, verdict.rehash)
        tenant = await self._first_active(login, organization)
        return await self.issuing.first_pair(login.user, tenant, verified=kept)

    async def _tidied(self, login: Login, rehash: str | None) -> str:
        """The hash that is kept now, unless somebody else has changed it since."""
        old_hash = login.password_hash
        if login.is_pending:
            await self.logins.settle(login.user, old_hash)
        if rehash is not None and await self.logins.change_password(
            login.user, old_hash=old_hash, new_hash=rehash
        ):
            return rehash
        return old_hash

    async def _first_active(self, login: Login, organization: UUID | None) -> UUID:
        for tenant in login.tenants:
            if organization not in (None, tenant):
                continue
            try:
                await self.actors.member(tenant, login.user)
            except Unauthenticated:
                continue
            return tenant
        raise Unauthenticated(WRONG)
