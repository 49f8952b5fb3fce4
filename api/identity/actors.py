"""Who is asking: from the bearer token to an actor with the roles held at this moment."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol
from uuid import UUID

from starlette.requests import HTTPConnection, Request

from api.header_fields import header
from write_model.kernel.access import Actor
from write_model.kernel.api_key_secrets import BEGINS
from write_model.kernel.clock import Clock
from write_model.kernel.errors import Unauthenticated
from write_model.kernel.recent import Recent, RecentFrom
from write_model.kernel.tokens import AccessTokens, Claims
from write_model.membership.membership import Membership, membership_stream

Memberships = Callable[[UUID, UUID], Awaitable[Membership]]
"""(tenant, subject) -> the membership as it is now."""

SignInLives = Callable[[UUID, UUID], Awaitable[bool]]
"""(subject, sign-in) -> whether it has not ended."""


LacksSecondFactor = Callable[[UUID, UUID], Awaitable[bool]]
"""(tenant, subject) -> whether the organization demands a second factor that he does not have."""


class Keys(Protocol):
    """The services that ask with API keys."""

    def at_hand(self, token: str) -> Actor | None: ...
    async def of(self, token: str) -> Actor: ...


_OF_PEOPLE = ("membership.", "user.", "api_key.", "organization.")


_NOT_ACTIVE = "You are not an active member of this organization."


class Happened(Protocol):
    """What the tail says of an event."""

    @property
    def topic(self) -> str: ...
    @property
    def stream(self) -> UUID: ...
    @property
    def tenant(self) -> UUID: ...


class Actors:
    """Roles are remembered until the tail reports a change; without the tail they are not."""

    def __init__(
        self,
        tokens: AccessTokens,
        memberships: Memberships,
        lives: SignInLives,
        lacks: LacksSecondFactor,
        keys: Keys,
        clock: Clock,
        *,
        remembered: int = 10_000,
    ) -> None:
        self._tokens, self._memberships, self._lives = tokens, memberships, lives
        self._lacks = lacks
        self._keys, self._clock = keys, clock
        # By integers: a UUID's own hash is Python code, and stands in every request's way.
        self._known: RecentFrom[tuple[int, int], Actor, int] = RecentFrom(remembered)
        self._living: Recent[int, UUID] = Recent(remembered)
        self._changes = self._revision = 0
        self._trusted = True

    @property
    def revision(self) -> int:
        """Another one once anybody may have other rights than before, or another sign-in."""
        return self._revision

    async def of(self, token: str) -> Actor:
        """Raises: Unauthenticated for a bad token, an ended sign-in and who is no active member."""
        if token.startswith(BEGINS):
            return await self._keys.of(token)
        claims = self._tokens.verify(token)
        if claims.sign_in is not None and self._living.get(claims.sign_in.int) is None:
            await self._must_live(claims.subject, claims.sign_in)
        known = self._known.get((claims.tenant.int, claims.subject.int))
        found = known if known is not None else await self._looked_up(claims)
        return self._as_of_now(found, claims)

    def at_hand(self, token: str) -> Actor | None:
        """The same where nothing has to be looked up; None where something has.

        Raises: Unauthenticated for a bad token and who was let in for a time that is over.
        """
        if token.startswith(BEGINS):
            return self._keys.at_hand(token)
        claims = self._tokens.verify(token)
        if claims.sign_in is not None and self._living.get(claims.sign_in.int) is None:
            return None
        known = self._known.get((claims.tenant.int, claims.subject.int))
        return None if known is None else self._as_of_now(known, claims)

    async def member(self, tenant: UUID, subject: UUID) -> Actor:
        """An active member, as he is now.

        Raises: Unauthenticated.
        """
        membership = await self._memberships(tenant, subject)
        if not membership.may_act(self._clock()):
            raise Unauthenticated(_NOT_ACTIVE)
        return Actor(
            subject,
            tenant,
            membership.roles,
            until=membership.until,
            teams=membership.teams,
            lacks_second_factor=await self._lacks(tenant, subject),
        )

    def evict(self, happened: Happened) -> None:
        """Forget the member whom an event is about."""
        self._changes += 1
        if happened.topic.startswith(_OF_PEOPLE):
            self._revision += 1
        if happened.topic.startswith("membership."):
            self._known.forget_from(happened.stream.int)
        elif happened.topic.startswith("organization."):
            for key in [key for key in self._known if key[0] == happened.tenant.int]:
                self._known.forget(key)
        elif happened.topic.startswith("user."):
            for key in [key for key in self._known if key[1] == happened.stream.int]:
                self._known.forget(key)
            self.forget_sign_ins(happened.stream)

    def forget_sign_ins(self, subject: UUID) -> None:
        """One of the person's sign-ins has ended: which ones still live is looked up again."""
        self._changes += 1
        self._revision += 1
        for sign_in in [one for one in self._living if self._living.get(one) == subject]:
            self._living.forget(sign_in)

    def distrust(self) -> None:
        """The tail is lost: from now on everybody is looked up at every request."""
        self._changes += 1
        self._revision += 1
        self._trusted = False
        self._known.clear()
        self._living.clear()

    def trust(self) -> None:
        """The tail is back."""
        self._trusted = True
        self._revision += 1

    def _as_of_now(self, actor: Actor, claims: Claims) -> Actor:
        if actor.until is not None and actor.until <= self._clock():
            raise Unauthenticated(_NOT_ACTIVE)
        if claims.authenticated_at is None:
            return actor
        return replace(actor, authenticated_at=claims.authenticated_at)

    async def _must_live(self, subject: UUID, sign_in: UUID) -> None:
        changes = self._changes
        if not await self._lives(subject, sign_in):
            raise Unauthenticated("This sign-in has ended; sign in again.")
        if self._trusted and changes == self._changes:
            self._living.remember(sign_in.int, subject)

    async def _looked_up(self, claims: Claims) -> Actor:
        changes = self._changes
        found = await self.member(claims.tenant, claims.subject)
        # Not when something has happened meanwhile: it may have been to this member. Nor while he
        # lacks a second factor: that it is on becomes true a moment after the log has told of it.
        is_settled = not found.lacks_second_factor
        if is_settled and self._trusted and changes == self._changes:
            key = (claims.tenant.int, claims.subject.int)
            stream = membership_stream(claims.tenant, claims.subject)
            self._known.remember_from(stream.int, key, found)
        return found


async def actor(request: Request) -> Actor:
    """Raises: Unauthenticated."""
    token = bearer_of(request)
    if not token:
        raise Unauthenticated("Sign in: send an access token as Authorization: Bearer.")
    actors: Actors = request.app.state.identity.actors
    found = await actors.of(token)
    # For the access log, which is written when the request is refused.
    request.scope["actor"] = found
    return found


def bearer_of(connection: HTTPConnection) -> str:
    """What it shows as `Authorization: Bearer`; empty where there is nothing."""
    scheme, _, token = (header(connection, b"authorization") or "").partition(" ")
    return token if scheme.lower() == "bearer" else ""
