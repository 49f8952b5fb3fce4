"""Makes, rotates and revokes the keys that services ask with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from write_model.api_key.api_key import API_KEY, ApiKey
from write_model.api_key.commands import (
    ApiKeyCommand,
    CreateApiKey,
    RevokeApiKey,
    RotateApiKey,
    Scope,
)
from write_model.application import WriteModel
from write_model.kernel.access import Actor
from write_model.kernel.api_key_secrets import ApiKeySecrets, Secret
from write_model.kernel.ids import Ids
from write_model.kernel.messages import Receipt


@dataclass(frozen=True, slots=True)
class NewKey:
    """`expires_at`: None for as long as keys usually live."""

    name: str
    scopes: frozenset[Scope]
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """A secret is kept before the log says that it is good: until then it opens nothing."""

    write_model: WriteModel
    secrets: ApiKeySecrets
    ids: Ids

    async def create(self, new: NewKey, *, by: Actor) -> tuple[Receipt, Secret]:
        """Make a key.

        Raises: Forbidden, also for a scope that the actor himself has not; Invalid;
        ReauthenticationRequired.
        """
        secret = self.secrets.make()
        command = CreateApiKey(
            name=new.name, prefix=secret.prefix, scopes=new.scopes, expires_at=new.expires_at
        )
        return await self._put_in_force(self.ids(), secret, command, by), secret

    async def rotate(self, key: UUID, *, by: Actor) -> tuple[Receipt, Secret]:
        """Another secret for the same key; the older one is no longer good.

        Raises: Forbidden; NotFound; IllegalTransition; ReauthenticationRequired.
        """
        by.must(RotateApiKey.permission)
        # Of somebody else's key not even a hash is kept.
        (await self.state(by.tenant, key)).must_exist()
        secret = self.secrets.make()
        return await self._put_in_force(key, secret, RotateApiKey(prefix=secret.prefix), by), secret

    async def revoke(self, key: UUID, *, by: Actor) -> Receipt:
        """Raises: Forbidden; NotFound."""
        return await self.write_model.handle(key, RevokeApiKey(), by=by)

    async def state(self, tenant: UUID, key: UUID) -> ApiKey:
        """A key with all that is committed; an empty one where there is none."""
        state, _ = await self.write_model.state(tenant, key, API_KEY)
        found: ApiKey = state
        return found

    async def _put_in_force(
        self, key: UUID, secret: Secret, command: ApiKeyCommand, by: Actor
    ) -> Receipt:
        by.must(command.permission)
        await self.secrets.keep(key, by.tenant, secret.token)
        return await self.write_model.handle(key, command, by=by)
