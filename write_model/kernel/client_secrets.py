"""The secrets by which identity providers know us: sealed beside the log, and read to be sent."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from write_model.kernel.asking import Pool, ask_one
from write_model.kernel.kept_secrets import KeptSecrets


@dataclass(frozen=True, slots=True)
class ClientSecrets:
    pool: Pool
    sealing: KeptSecrets

    async def keep(self, secret: UUID, provider: UUID, tenant: UUID, value: str) -> None:
        """Beside those kept before: which one is in force the log says."""
        query = "SELECT credentials.keep_client_secret(%s, %s, %s, %s)"
        sealed = self.sealing.seal(value.encode(), secret)
        await ask_one(self.pool, tenant, query, (secret, provider, tenant, sealed))

    async def read(self, secret: UUID, tenant: UUID) -> str | None:
        query = "SELECT sealed FROM credentials.client_secret(%s, %s)"
        rows = await ask_one(self.pool, tenant, query, (secret, tenant))
        return self.sealing.open(bytes(rows[0][0]), secret).decode() if rows else None

    async def organization_of(self, provider: UUID) -> UUID | None:
        """The one that set the provider; the log says whether it still trusts it."""
        query = "SELECT tenant_id FROM credentials.organization_of_provider(%s)"
        async with self.pool.connection() as connection:
            row = await (await connection.execute(query, (provider,))).fetchone()
        return row[0] if row else None

    async def drop(self, secret: UUID, tenant: UUID) -> None:
        query = "SELECT credentials.drop_client_secret(%s, %s)"
        await ask_one(self.pool, tenant, query, (secret, tenant))
