"""Signing in with e-mail and password, staying signed in, and signing out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from api.identity.actors import Actors
from write_model.kernel.allowance import Allowance
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.clock import Clock
from write_model.kernel.credentials import Login, Logins, RefreshTokens
from write_model.kernel.errors import RateLimited, Unauthenticated
from write_model.kernel.passwords import Passwords
from write_model.kernel.tokens import AccessTokens

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
        tenant = await self._first_active(login)
        refresh_token = await self.refresh_tokens.start(login.user, tenant, at=self.clock())
        return SignedIn(self.tokens.issue(login.user, tenant), refresh_token)

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
