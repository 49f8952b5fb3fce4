"""Where members of an organization may sign in instead of by password, and the secrets for that."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from write_model.application import WriteModel
from write_model.deciding import NO_PROMISES, Promises
from write_model.kernel.access import Actor
from write_model.kernel.client_secrets import ClientSecrets
from write_model.kernel.clock import Clock
from write_model.kernel.errors import KeyReused, NotFound, Refused
from write_model.kernel.ids import Ids
from write_model.kernel.linked_subjects import LinkedSubjects
from write_model.kernel.messages import IdempotencyKey, Receipt, repeated_id
from write_model.organization.commands import (
    AddIdentityProvider,
    ChangeIdentityProvider,
    IdentityProviderCommand,
    RemoveIdentityProvider,
)
from write_model.organization.events import IdentityProviderSet
from write_model.organization.organization import ORGANIZATION, Organization


@dataclass(frozen=True, slots=True)
class NewProvider:
    name: str
    issuer: str
    client_id: str
    redirect_addresses: tuple[str, ...]
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IdentityProviders:
    """A secret is kept before the log says that it is in force, and dropped once it is not.

    So are the links of whom a provider tells, once its members sign in there no more.
    """

    write_model: WriteModel
    secrets: ClientSecrets
    linked: LinkedSubjects
    ids: Ids
    clock: Clock

    async def add(
        self, new: NewProvider, *, by: Actor, key: IdempotencyKey | None = None
    ) -> tuple[UUID, Receipt]:
        """Raises: Forbidden; ReauthenticationRequired; NotFound; IllegalTransition; KeyReused."""
        provider = self.ids() if key is None else repeated_id("identity_provider", by, key)
        receipt = await self._put_in_force(provider, new, AddIdentityProvider, by, Promises(key))
        return provider, receipt

    async def change(
        self, provider: UUID, new: NewProvider, *, by: Actor, promises: Promises = NO_PROMISES
    ) -> Receipt:
        """The secret too, always: an older one is never sent to another address.

        Raises: Forbidden; ReauthenticationRequired; NotFound; VersionMismatch; KeyReused.
        """
        by.must(ChangeIdentityProvider.permission)
        before = await self._trusted(by.tenant, provider)
        if before is None:  # Of somebody else's no secret is kept; a repetition may be answered.
            command = _command(ChangeIdentityProvider, provider, new, self.ids())
            return await self._handled(command, by, promises)
        receipt = await self._put_in_force(provider, new, ChangeIdentityProvider, by, promises)
        if not receipt.replayed:
            await self.secrets.drop(before.secret, by.tenant)
            if new.issuer != before.issuer:
                await self.linked.unlink(by.tenant, provider)
        return receipt

    async def remove(
        self, provider: UUID, *, by: Actor, promises: Promises = NO_PROMISES
    ) -> Receipt:
        """Raises: Forbidden; ReauthenticationRequired; NotFound; VersionMismatch; KeyReused."""
        before = await self._trusted(by.tenant, provider)
        receipt = await self._handled(RemoveIdentityProvider(provider=provider), by, promises)
        if before is not None:
            await self.secrets.drop(before.secret, by.tenant)
        await self.linked.unlink(by.tenant, provider)
        return receipt

    async def find(self, provider: UUID) -> tuple[UUID, IdentityProviderSet]:
        """The organization that trusts it, and how it is set, with all that is committed.

        Raises: NotFound.
        """
        tenant = await self.secrets.organization_of(provider)
        if tenant is None:
            raise NotFound("There is no such identity provider.")
        return tenant, (await self.organization(tenant)).identity_provider(provider)

    async def organization(self, tenant: UUID) -> Organization:
        state, _ = await self.write_model.state(tenant, tenant, ORGANIZATION)
        found: Organization = state
        return found

    async def _trusted(self, tenant: UUID, provider: UUID) -> IdentityProviderSet | None:
        known = (await self.organization(tenant)).identity_providers
        return next((each for each in known if each.provider == provider), None)

    async def _put_in_force(
        self,
        provider: UUID,
        new: NewProvider,
        kind: type[AddIdentityProvider],
        by: Actor,
        promises: Promises,
    ) -> Receipt:
        by.must(kind.permission)
        by.must_have_reauthenticated(self.clock())
        secret = self.ids()
        await self.secrets.keep(secret, provider, by.tenant, new.client_secret)
        try:
            receipt = await self._handled(_command(kind, provider, new, secret), by, promises)
        except (Refused, KeyReused):
            await self.secrets.drop(secret, by.tenant)
            raise
        if receipt.replayed:
            await self.secrets.drop(secret, by.tenant)
        return receipt

    async def _handled(
        self, command: IdentityProviderCommand, by: Actor, promises: Promises
    ) -> Receipt:
        key, expected = promises
        return await self.write_model.handle(by.tenant, command, by=by, expected=expected, key=key)


def _command(
    kind: type[AddIdentityProvider], provider: UUID, new: NewProvider, secret: UUID
) -> AddIdentityProvider:
    return kind(
        provider=provider,
        name=new.name,
        issuer=new.issuer,
        client_id=new.client_id,
        secret=secret,
        redirect_addresses=new.redirect_addresses,
    )
