"""Whom an identity provider tells of: a member, known by its subject or by his verified address."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from api.identity.actors import Actors
from api.identity.oidc.id_tokens import NotBelieved, Person
from api.identity.on_record import OnRecord
from api.identity.second_step import SecondStep
from write_model.kernel.access import Role
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.credentials import Logins
from write_model.kernel.errors import Unauthenticated
from write_model.kernel.linked_subjects import Subject
from write_model.organization.events import IdentityProviderSet
from write_model.provider_links import ProviderLinks


@dataclass(frozen=True, slots=True)
class Recognizing:
    """It makes nobody a member, and gives nobody a role."""

    links: ProviderLinks
    logins: Logins
    blind_index: BlindIndex
    actors: Actors
    second_step: SecondStep
    on_record: OnRecord

    async def whom(self, tenant: UUID, trusted: IdentityProviderSet, told: Person) -> UUID:
        """Whom that is here: an active member, linked before or by his verified address.

        Raises: NotBelieved.
        """
        linked = await self.links.find(tenant, _subject(trusted, told))
        user = linked or await self._by_email(told.email)
        try:
            actor = await self.actors.member(tenant, user)
        except Unauthenticated as error:
            raise NotBelieved("no active member") from error
        if Role.OWNER in actor.roles and not trusted.admits_owners:
            raise NotBelieved("an owner, by a provider that an administrator has set")
        return user

    async def settle(
        self,
        tenant: UUID,
        trusted: IdentityProviderSet,
        told: Person,
        user: UUID,
        totp: str | None,
    ) -> None:
        """His second factor, and that the provider knows him from now on.

        Raises: SecondFactorRequired; RateLimited; NotBelieved.
        """
        await self.second_step.must_pass(user, totp)
        subject = _subject(trusted, told)
        if await self.links.find(tenant, subject) is not None:
            return
        if await self.links.link(tenant, subject, user) != user:
            raise NotBelieved("linked to somebody else at the same time")
        self.on_record.note(user, "identity_provider_linked")

    async def _by_email(self, email: str | None) -> UUID:
        if email is None:
            raise NotBelieved("no verified e-mail")
        login = await self.logins.find(self.blind_index.of(email))
        if login is None:
            raise NotBelieved("nobody's e-mail")
        return login.user


def _subject(trusted: IdentityProviderSet, told: Person) -> Subject:
    return Subject(trusted.provider, trusted.issuer, told.subject)
