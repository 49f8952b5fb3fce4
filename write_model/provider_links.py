"""By which identity providers a person is known, on record in the person's own stream."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from write_model.application import WriteModel
from write_model.kernel.access import SYSTEM, Actor
from write_model.kernel.errors import NotFound
from write_model.kernel.linked_subjects import LinkedSubjects, Subject
from write_model.kernel.messages import Command
from write_model.user.commands import RecordIdentityProviderLink, RecordIdentityProviderUnlink


@dataclass(frozen=True, slots=True)
class ProviderLinks:
    """What changes is written down first, as every change of a password is."""

    write_model: WriteModel
    kept: LinkedSubjects

    async def find(self, tenant: UUID, subject: Subject) -> UUID | None:
        return await self.kept.find(tenant, subject)

    async def of(self, tenant: UUID, user: UUID) -> dict[UUID, datetime]:
        """The providers that know somebody, and since when, the latest last."""
        return await self.kept.of(tenant, user)

    async def link(self, tenant: UUID, subject: Subject, user: UUID) -> UUID:
        """Whom the subject is from now on: of two at once, the first."""
        link = RecordIdentityProviderLink(organization=tenant, provider=subject.provider)
        await self._recorded(user, link, by=user)
        return await self.kept.link(tenant, subject, user)

    async def unlink(self, provider: UUID, user: UUID, *, by: Actor) -> None:
        """In the actor's organization; the next sign-in through the provider may link him anew.

        Raises: NotFound.
        """
        if provider not in await self.of(by.tenant, user):
            raise NotFound("No such identity provider is linked.")
        unlink = RecordIdentityProviderUnlink(organization=by.tenant, provider=provider)
        await self._recorded(user, unlink, by=by.id)
        await self.kept.unlink(by.tenant, provider, user)

    async def _recorded(self, user: UUID, command: Command, *, by: UUID) -> None:
        await self.write_model.handle(user, command, by=Actor(by, SYSTEM, source="system"))
