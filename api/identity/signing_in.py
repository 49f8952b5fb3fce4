"""Signing in with e-mail and password, staying signed in, signing out, and another password."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

from api.identity.actors import Actors
from write_model.application import WriteModel
from write_model.kernel.access import SYSTEM, Actor
from write_model.kernel.allowance import Allowance
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.clock import Clock
from write_model.kernel.credentials import Login, Logins, RefreshTokens
from write_model.kernel.errors import Conflict, Invalid, RateLimited, Unauthenticated
from write_model.kernel.passwords import Passwords
from write_model.kernel.tokens import AccessTokens
from write_model.user.commands import RecordPasswordChange

WRONG = "E-mail or password is wrong."

# Ten guesses at one password and a hundred from one address per quarter of an hour: far from what
# a person needs, and at 960 guesses a day a random password is safe for good.
_PER = timedelta(minutes=15)
_PER_EMAIL, _PER_ADDRESS = 10, 100


def _failures(times: int) -> Allowance[bytes]:
    return Allowance(times, per=_PER)


@dataclass(frozen=True, slots=True)
class SignedIn:
    access_token: str
    refresh_token: str


@dataclass(frozen=True, slots=True)
class SigningIn:
    write_model: WriteModel
    logins: Logins
    passwords: Passwords
    blind_index: BlindIndex
    refresh_tokens: RefreshTokens
    tokens: AccessTokens
    actors: Actors
    clock: Clock
    _by_email: Allowance[bytes] = field(default_factory=lambda: _failures(_PER_EMAIL))
    _by_address: Allowance[bytes] = field(default_factory=lambda: _failures(_PER_ADDRESS))

    async def sign_in(self, email: str, password: str, *, address: str) -> SignedIn:
        """Raises: Unauthenticated, the same for whatever was wrong; RateLimited; Overloaded."""
        blind = self.blind_index.of(email)
        self._must_be_allowed(blind, address)
        login = await self.logins.find(blind)
        verdict = await self.passwords.verified(password, login.password_hash if login else None)
        if login is None or not verdict.matches:
            raise Unauthenticated(WRONG)
        self._by_email.forget(blind)
        await self._tidy(login, verdict.rehash)
        return await self._begun(login.user, await self._first_active(login))

    async def refresh(self, refresh_token: str) -> SignedIn:
        """The next pair of tokens.

        Raises: Unauthenticated; a token that comes twice ends the whole sign-in.
        """
        renewed = await self.refresh_tokens.renew(refresh_token, at=self.clock())
        if renewed is None:
            raise Unauthenticated("This sign-in has ended; sign in again.")
        await self.actors.member(renewed.tenant, renewed.user)
        return SignedIn(self.tokens.issue(renewed.user, renewed.tenant), renewed.token)

    async def sign_out(self, refresh_token: str) -> None:
        """End a sign-in; its access token runs out by itself within minutes."""
        await self.refresh_tokens.revoke(refresh_token, at=self.clock())

    async def change_password(self, by: Actor, current: str, new: str, *, address: str) -> SignedIn:
        """Set one's own password, which ends all sign-ins; the tokens are of a new one.

        Raises: Invalid for a wrong or the same password; Conflict; RateLimited; Overloaded.
        """
        if new == current:
            raise Invalid("Choose another password than the one you have.", field="new_password")
        old_hash = await self._own_hash(by, current, address)
        new_hash = await self.passwords.hashed(new)
        # Written down first: what fails after it is tried again with the old password, and written
        # down twice; the other way round a change could be missing in the log.
        system = replace(by, tenant=SYSTEM, source="system")
        await self.write_model.handle(by.id, RecordPasswordChange(), by=system)
        if not await self.logins.replace_password(
            by.id, old_hash=old_hash, new_hash=new_hash, at=self.clock()
        ):
            raise Conflict("Your password was changed at the same time; sign in again.")
        return await self._begun(by.id, by.tenant)

    async def _own_hash(self, by: Actor, password: str, address: str) -> str:
        # By another name than at sign-in: who guesses with a stolen token locks nobody out.
        self._must_be_allowed(by.id.bytes, address)
        kept = await self.logins.password_of(by.id)
        verdict = await self.passwords.verified(password, kept)
        if kept is None or not verdict.matches:
            raise Invalid("This is not your password.", field="current_password")
        self._by_email.forget(by.id.bytes)
        return kept

    async def _begun(self, user: UUID, tenant: UUID) -> SignedIn:
        refresh_token = await self.refresh_tokens.start(user, tenant, at=self.clock())
        return SignedIn(self.tokens.issue(user, tenant), refresh_token)

    def _must_be_allowed(self, blind: bytes, address: str) -> None:
        # Taken before the password is looked at: guesses sent at the same time count too.
        now, sender = self.clock(), address.encode()
        if not self._by_address.take(sender, now=now):
            raise RateLimited(self._by_address.wait_s(sender, now=now))
        if not self._by_email.take(blind, now=now):
            raise RateLimited(self._by_email.wait_s(blind, now=now))

    async def _tidy(self, login: Login, rehash: str | None) -> None:
        if login.is_pending:
            await self.logins.settle(login.user, login.password_hash)
        if rehash is not None:
            await self.logins.change_password(
                login.user, old_hash=login.password_hash, new_hash=rehash
            )

    async def _first_active(self, login: Login) -> UUID:
        for tenant in login.tenants:
            try:
                await self.actors.member(tenant, login.user)
            except Unauthenticated:
                continue
            return tenant
        raise Unauthenticated(WRONG)
