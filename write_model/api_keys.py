"""Makes, rotates and revokes the keys that services ask with."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha512
from uuid import UUID

from pydantic_core import to_json

from write_model.api_key.api_key import API_KEY, ApiKey
from write_model.api_key.commands import (
    ApiKeyCommand,
    CreateApiKey,
    RevokeApiKey,
    RotateApiKey,
    Scope,
)
from write_model.api_keys_in_force import KeysInForce
from write_model.application import WriteModel
from write_model.deciding import NO_PROMISES, Promises
from write_model.kernel.access import Actor
from write_model.kernel.api_key_secrets import SEED_BYTES, ApiKeySecrets, Secret
from write_model.kernel.clock import Clock
from write_model.kernel.ids import Ids
from write_model.kernel.messages import IdempotencyKey, Receipt, repeated_id


@dataclass(frozen=True, slots=True)
class NewKey:
    """`expires_at`: None for as long as keys usually live."""

    name: str
    scopes: frozenset[Scope]
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """A secret is kept before the log says that it is good: until then it opens nothing.

    A request that comes again with its idempotency key gets the same secret, which is kept nowhere:
    it is made of the request, with the key `repeats`.
    """

    write_model: WriteModel
    secrets: ApiKeySecrets
    ids: Ids
    clock: Clock
    repeats: bytes = field(repr=False)
    in_force: KeysInForce

    async def create(
        self, new: NewKey, *, by: Actor, key: IdempotencyKey | None = None
    ) -> tuple[Receipt, Secret]:
        """Make a key.

        Raises: Forbidden, also for a scope that the actor himself has not; Invalid;
        IllegalTransition when the organization has as many as it may; ReauthenticationRequired;
        KeyReused.
        """
        secret, promises = self._secret(by, key), Promises(key)
        command = CreateApiKey(
            name=new.name, prefix=secret.prefix, scopes=new.scopes, expires_at=new.expires_at
        )
        made = self.ids() if key is None else repeated_id(API_KEY.name, by, key)
        if not await self._answered_before(command, by, promises):
            await self.in_force.begin(made, by.tenant, secret.token, until=new.expires_at)
        return await self._handled(made, command, by, promises), secret

    async def rotate(
        self,
        api_key: UUID,
        *,
        by: Actor,
        promises: Promises = NO_PROMISES,
    ) -> tuple[Receipt, Secret]:
        """Another secret for the same key; the older one is no longer good.

        Raises: Forbidden; NotFound; IllegalTransition; ReauthenticationRequired; VersionMismatch;
        KeyReused.
        """
        by.must(RotateApiKey.permission)
        # Of somebody else's key not even a hash is kept.
        (await self.state(by.tenant, api_key)).must_exist()
        secret = self._secret(by, promises.key)
        command = RotateApiKey(prefix=secret.prefix)
        await self._answered_before(command, by, promises)
        await self.secrets.keep(api_key, by.tenant, secret.token)
        return await self._handled(api_key, command, by, promises), secret

    async def revoke(
        self, api_key: UUID, *, by: Actor, promises: Promises = NO_PROMISES
    ) -> Receipt:
        """Raises: Forbidden; NotFound; VersionMismatch; KeyReused."""
        receipt = await self._handled(api_key, RevokeApiKey(), by, promises)
        await self.in_force.end(api_key, by.tenant)
        return receipt

    async def state(self, tenant: UUID, api_key: UUID) -> ApiKey:
        """A key with all that is committed; an empty one where there is none."""
        state, _ = await self.state_and_version(tenant, api_key)
        return state

    async def state_and_version(self, tenant: UUID, api_key: UUID) -> tuple[ApiKey, int]:
        return await self.write_model.state(tenant, api_key, API_KEY)

    async def _answered_before(self, command: ApiKeyCommand, by: Actor, promises: Promises) -> bool:
        """Whether it comes again. Of who may not ask, and of another request, nothing is kept."""
        by.must(command.permission)
        by.must_have_reauthenticated(self.clock())
        if promises.key is None:
            return False
        return await self.write_model.answered_before(by, promises.key) is not None

    async def _handled(
        self, api_key: UUID, command: ApiKeyCommand, by: Actor, promises: Promises
    ) -> Receipt:
        key, expected = promises
        return await self.write_model.handle(api_key, command, by=by, expected=expected, key=key)

    def _secret(self, by: Actor, key: IdempotencyKey | None) -> Secret:
        if key is None:
            return self.secrets.make()
        request = to_json((by.tenant, by.id, key.key, key.digest.hex()))
        return self.secrets.make(hmac.digest(self.repeats, request, sha512)[:SEED_BYTES])
