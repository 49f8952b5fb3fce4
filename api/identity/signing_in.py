"""Signing in with e-mail and password, staying signed in, signing out, and another password."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from api.identity.actors import Actors
from api.identity.choosing import Choosing
from api.identity.guesses import Guesses
from api.identity.on_record import OnRecord
from api.identity.second_step import SecondStep
from write_model.application import WriteModel
from write_model.invitations import Invitations
from write_model.kernel.access import SYSTEM, Actor
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.clock import Clock
from write_model.kernel.credentials import Begun, Ended, Login, Logins, RefreshTokens
from write_model.kernel.errors import Conflict, Invalid, NotFound, Unauthenticated
from write_model.kernel.messages import Receipt
from write_model.kernel.passes import Holder
from write_model.kernel.passwords import Passwords
from write_model.kernel.sign_ins import SignIns
from write_model.kernel.tokens import AccessTokens
from write_model.password_resets import PasswordResets
from write_model.user.commands import RecordPasswordChange, RecordSignInsEnded
from write_model.user.events import EndReason

WRONG = "E-mail or password is wrong."


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
    sign_ins: SignIns
    invitations: Invitations
    resets: PasswordResets
    tokens: AccessTokens
    actors: Actors
    clock: Clock
    guesses: Guesses
    on_record: OnRecord
    second_step: SecondStep
    choosing: Choosing

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
        await self._must_be_allowed(blind, address)
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
        signed_in = None if kept is None else await self._begun(user, tenant, kept)
        if signed_in is None:
            raise Unauthenticated("Your password was changed at the same time; sign in again.")
        return signed_in

    async def refresh(self, refresh_token: str, *, address: str) -> SignedIn:
        """The next pair of tokens.

        Raises: RateLimited for who sends many bad ones; Unauthenticated; a token that comes twice
        ends the whole sign-in.
        """
        renewed = await self.refresh_tokens.renew(refresh_token, at=self.clock())
        if isinstance(renewed, Ended):
            await self._ended(renewed.user, "token_reused", renewed.sign_in)
        if renewed is None or isinstance(renewed, Ended):
            # Only what is no good is counted: behind one address an office renews all day long.
            await self.guesses.come_from(address)
            raise Unauthenticated("This sign-in has ended; sign in again.")
        user, tenant = renewed.user, renewed.tenant
        await self.actors.member(tenant, user)
        return self._signed_in(user, tenant, Begun(renewed.token, renewed.sign_in))

    async def sign_out(self, refresh_token: str, *, address: str) -> None:
        """End a sign-in, its access tokens included.

        Raises: RateLimited for who sends many bad ones.
        """
        ended = await self.refresh_tokens.revoke(refresh_token, at=self.clock())
        if ended is None:
            await self.guesses.come_from(address)
        else:
            await self._ended(ended.user, "signed_out", ended.sign_in)

    async def end(self, by: Actor, sign_in: UUID | None = None) -> None:
        """End one of one's own sign-ins, or all.

        Raises: NotFound.
        """
        is_known = await self.sign_ins.end(by.id, sign_in, at=self.clock())
        if sign_in is not None and not is_known:
            raise NotFound("You have no such sign-in.")
        await self._ended(by.id, "ended", sign_in)

    async def end_for(self, user: UUID) -> None:
        """End all of somebody's sign-ins."""
        await self.sign_ins.end(user, at=self.clock())
        await self._ended(user, "ended")

    async def end_in_organization(self, user: UUID, *, by: Actor) -> None:
        """End somebody's sign-ins in the actor's organization; those in others stay."""
        for sign_in in await self.sign_ins.of(user, at=self.clock()):
            if sign_in.tenant == by.tenant:
                await self.sign_ins.end(user, sign_in.id, at=self.clock())
                await self._ended(user, "ended_by_administrator", sign_in.id, by=by)

    async def change_password(self, by: Actor, current: str, new: str, *, address: str) -> SignedIn:
        """Set one's own password, which ends all sign-ins; the tokens are of a new one.

        Raises: Invalid for a wrong, the same or a guessable password; Conflict; RateLimited;
        Overloaded.
        """
        if new == current:
            raise Invalid("Choose another password than the one you have.", field="new_password")
        old_hash = await self._own_hash(by, current, address, field="current_password")
        await self.choosing.must_be_fit(new, by.id, field="new_password")
        new_hash = await self.passwords.hashed(new)
        # Written down first: what fails after it is tried again with the old password, and written
        # down twice; the other way round a change could be missing in the log.
        system = replace(by, tenant=SYSTEM, source="system")
        await self.write_model.handle(by.id, RecordPasswordChange(), by=system)
        is_replaced = await self._replaced(by.id, current, old_hash, new_hash)
        if is_replaced:
            await self._ended(by.id, "password_changed")
        begun = await self._begun(by.id, by.tenant, new_hash) if is_replaced else None
        if begun is None:
            raise Conflict("Your password was changed at the same time; sign in again.")
        return begun

    async def reauthenticate(
        self,
        by: Actor,
        password: str,
        sign_in: UUID | None,
        *,
        code: str | None,
        address: str,
    ) -> str:
        """An access token that proves for a while that it is he himself who asks.

        Raises: Invalid for a wrong password; SecondFactorRequired; RateLimited; Overloaded.
        """
        await self._own_hash(by, password, address, field="password")
        await self.second_step.must_pass(by.id, code)
        return self.proof(by, sign_in)

    def proof(self, by: Actor, sign_in: UUID | None) -> str:
        """The same, for who has just proven it."""
        self.on_record.note(by.id, "reauthenticated")
        return self.tokens.issue(by.id, by.tenant, sign_in=sign_in, is_proof=True)

    async def reset_password(self, token: str, new: str, *, address: str) -> None:
        """Set the password of whom a reset was offered to; all his sign-ins end.

        Raises: Invalid; RateLimited; Overloaded.
        """
        await self.guesses.come_from(address)
        holder = await self.resets.holder(token)
        await self.choosing.must_be_fit(new, holder.user, field="new_password")
        await self.resets.use(token, holder, new)
        await self._ended(holder.user, "password_reset")

    async def accept(
        self, token: str, password: str, name: str | None, *, address: str
    ) -> tuple[Holder, Receipt]:
        """Accept an invitation; whoever guesses at the password of an account is stopped.

        Raises: Invalid; IllegalTransition; Conflict; RateLimited; Overloaded.
        """
        try:
            return await self._accepted(token, password, name)
        except Invalid:
            # Only what is no good is counted: behind one address a whole crew accepts one morning.
            await self.guesses.come_from(address)
            raise

    async def _accepted(
        self, token: str, password: str, name: str | None
    ) -> tuple[Holder, Receipt]:
        holder = await self.invitations.holder(token)
        what = b"invitation" + holder.user.bytes
        await self.guesses.guess_at(what)
        if holder.is_pending:  # Otherwise it is not set here, but proven.
            await self.choosing.must_be_fit(password, holder.user, field="password", name=name)
        try:
            receipt = await self.invitations.accept(token, holder, password, name)
        except Invalid:
            # Where he is a member it is on record that somebody tried whom the token is for.
            self.on_record.note(holder.user, "password_not_confirmed")
            raise
        await self.guesses.right(what)
        return holder, receipt

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
        return await self._begun(login.user, await self._first_active(login, organization), kept)

    async def _own_hash(self, by: Actor, password: str, address: str, *, field: str) -> str:
        # By another name than at sign-in: who guesses with a stolen token locks nobody out.
        await self._must_be_allowed(by.id.bytes, address)
        kept = await self._verified(by.id, password)
        if kept is None:
            self.on_record.note(by.id, "password_not_confirmed")
            raise Invalid("This is not your password.", field=field)
        await self.guesses.right(by.id.bytes)
        return kept

    async def _replaced(self, user: UUID, current: str, old_hash: str, new_hash: str) -> bool:
        replaced = partial(self.logins.replace_password, user, new_hash=new_hash, at=self.clock())
        if await replaced(old_hash=old_hash):
            return True
        # A sign-in elsewhere may have hashed the same password anew.
        anew = await self._verified(user, current)
        return anew is not None and await replaced(old_hash=anew)

    async def _verified(self, user: UUID, password: str) -> str | None:
        """The hash that is kept; None when it is another password's."""
        kept = await self.logins.password_of(user)
        verdict = await self.passwords.verified(password, kept)
        return kept if verdict.matches else None

    async def _begun(self, user: UUID, tenant: UUID, verified: str) -> SignedIn | None:
        begun = await self.refresh_tokens.start(user, tenant, verified=verified, at=self.clock())
        if begun is None:
            return None
        self.on_record.note(user, "signed_in")
        return self._signed_in(user, tenant, begun)

    def _signed_in(self, user: UUID, tenant: UUID, begun: Begun) -> SignedIn:
        return SignedIn(self.tokens.issue(user, tenant, sign_in=begun.sign_in), begun.token)

    async def _ended(
        self,
        user: UUID,
        reason: EndReason,
        sign_in: UUID | None = None,
        *,
        by: Actor | None = None,
    ) -> None:
        """On record, by which every process learns of it; here it holds at once.

        `by`: who ended them, when it was not the person himself.
        """
        # After it has ended: whoever looks it up on the news must not find it alive.
        self.actors.forget_sign_ins(user)
        self.on_record.note(user, reason)
        command = RecordSignInsEnded(reason=reason, sign_in=sign_in)
        who = Actor(by.id if by else user, SYSTEM, source="system")
        await self.write_model.handle(user, command, by=who)

    async def _must_be_allowed(self, blind: bytes, address: str) -> None:
        # Taken before the password is looked at: guesses sent at the same time count too.
        await self.guesses.come_from(address)
        await self.guesses.guess_at(blind)

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
