"""What somebody gets for being told of by an identity provider: a sign-in, or a proof.

It gives a member of the organization that trusts the provider what a password gives, in that
organization only. It makes nobody a member, and gives nobody a role.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from uuid import UUID

import structlog

from api.identity.guesses import Guesses
from api.identity.issuing import Issuing, SignedIn
from api.identity.oidc.dialogue import Begun, CameBack, Dialogue
from api.identity.oidc.fetching import NoAnswer
from api.identity.oidc.id_tokens import NotBelieved
from api.identity.oidc.recognizing import Recognizing
from api.identity.on_record import OnRecord
from api.identity.signing_in import SigningIn
from api.refusals import ProviderSilent
from write_model.identity_providers import IdentityProviders
from write_model.kernel.access import Actor
from write_model.kernel.errors import (
    DomainError,
    Invalid,
    NotFound,
    SecondFactorRequired,
    Unauthenticated,
)
from write_model.organization.events import IdentityProviderSet

REFUSED = (
    "Your identity provider has not signed you in here; begin once more, or ask an administrator"
    " whether you are a member with that e-mail address."
)
_NOT_PROVEN = (
    "Your identity provider has not told that it is you and that you have just signed in there;"
    " begin once more."
)

_log = structlog.get_logger("oidc")


@dataclass(frozen=True, slots=True)
class Elsewhere:
    dialogue: Dialogue
    recognizing: Recognizing
    signing_in: SigningIn
    issuing: Issuing
    guesses: Guesses
    on_record: OnRecord

    @property
    def providers(self) -> IdentityProviders:
        return self.dialogue.providers

    async def begin(self, provider: UUID, redirect_address: str | None, *, origin: str) -> Begun:
        """Raises: NotFound, RateLimited, ProviderSilent; Invalid for an address not set."""
        async with self._counted(origin):
            tenant, trusted = await self.providers.find(provider)
            with _answering(provider):
                return await self.dialogue.begin(tenant, trusted, redirect_address)

    async def finish(self, provider: UUID, came: CameBack, *, origin: str) -> SignedIn:
        """Raises: NotFound; Unauthenticated, the same for whatever was wrong;
        SecondFactorRequired; RateLimited; ProviderSilent.
        """
        async with self._counted(origin):
            tenant, trusted = await self.providers.find(provider)
            with _answering(provider), _believed(provider, Unauthenticated(REFUSED)):
                told = await self.dialogue.told(tenant, trusted, came)
                user = await self.recognizing.whom(tenant, trusted, told)
                await self.recognizing.settle(tenant, trusted, told, user, came.totp)
            return await self.signing_in.begin(user, tenant)

    async def begin_proof(
        self, by: Actor, provider: UUID, redirect_address: str | None, *, origin: str
    ) -> Begun:
        """Raises: what `begin` does; NotFound also for what another organization trusts."""
        async with self._counted(origin):
            trusted = await self._of_his_own(by, provider)
            with _answering(provider):
                return await self.dialogue.begin(
                    by.tenant, trusted, redirect_address, proof_of=by.id
                )

    async def finish_proof(
        self, by: Actor, provider: UUID, came: CameBack, sign_in: UUID | None, *, origin: str
    ) -> str:
        """An access token that proves for a while that it is he himself who asks.

        Raises: NotFound; Invalid, the same for whatever was wrong; SecondFactorRequired;
        RateLimited; ProviderSilent.
        """
        async with self._counted(origin):
            trusted = await self._of_his_own(by, provider)
            try:
                await self._proven(by, trusted, came)
            except Invalid:
                self.on_record.note(by.id, "provider_did_not_confirm")
                raise
        return self.issuing.proof(by, sign_in)

    async def _proven(self, by: Actor, trusted: IdentityProviderSet, came: CameBack) -> None:
        refusal = Invalid(_NOT_PROVEN, field="code")
        with _answering(trusted.provider), _believed(trusted.provider, refusal):
            told = await self.dialogue.told(by.tenant, trusted, came, proof_of=by.id)
            if await self.recognizing.whom(by.tenant, trusted, told) != by.id:
                raise NotBelieved("somebody else")
            await self.recognizing.settle(by.tenant, trusted, told, by.id, came.totp)

    @asynccontextmanager
    async def _counted(self, origin: str) -> AsyncGenerator[None]:
        """Only what is no good: behind one address a whole office signs in one morning.

        Raises: RateLimited for who sends much of it.
        """
        try:
            yield
        except SecondFactorRequired:  # He is who he says; guesses at codes are counted by person.
            raise
        except (NotFound, Invalid, Unauthenticated, ProviderSilent):
            await self.guesses.come_from(origin)
            raise

    async def _of_his_own(self, by: Actor, provider: UUID) -> IdentityProviderSet:
        tenant, trusted = await self.providers.find(provider)
        if tenant != by.tenant:
            raise NotFound("There is no such identity provider.")
        return trusted


@contextmanager
def _answering(provider: UUID) -> Generator[None]:
    """Raises: ProviderSilent when the provider does not answer."""
    try:
        yield
    except NoAnswer as error:
        _log.warning("oidc.no_answer", provider=str(provider), reason=str(error))
        raise ProviderSilent from error


@contextmanager
def _believed(provider: UUID, refusal: DomainError) -> Generator[None]:
    """Why nobody is believed is for the operator. Raises: the refusal."""
    try:
        yield
    except NotBelieved as error:
        _log.info("oidc.not_believed", provider=str(provider), reason=str(error))
        raise refusal from error
