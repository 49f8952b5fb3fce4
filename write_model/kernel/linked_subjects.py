"""Whom an identity provider's subjects are here, and which sign-ins at one are finished."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from write_model.kernel.asking import Pool, ask_one


@dataclass(frozen=True, slots=True)
class Subject:
    """Who somebody is for a provider; under another issuer the same name is somebody else."""

    provider: UUID
    issuer: str
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LinkedSubjects:
    pool: Pool
    key: bytes = field(repr=False)

    async def find(self, tenant: UUID, subject: Subject) -> UUID | None:
        query = "SELECT user_id FROM credentials.linked_subject(%s, %s)"
        rows = await ask_one(self.pool, tenant, query, (tenant, self._hash(subject)))
        return rows[0][0] if rows else None

    async def link(self, tenant: UUID, subject: Subject, user: UUID) -> UUID:
        """Whom the subject is from now on: of two at once, the first."""
        query = "SELECT user_id FROM credentials.link_subject(%s, %s, %s, %s)"
        link = tenant, self._hash(subject), subject.provider, user
        rows = await ask_one(self.pool, tenant, query, link)
        linked: UUID = rows[0][0]
        return linked

    async def of(self, tenant: UUID, user: UUID) -> dict[UUID, datetime]:
        """The providers that know somebody, and since when, the latest last."""
        query = "SELECT provider_id, linked_at FROM credentials.links_of(%s, %s)"
        return dict(await ask_one(self.pool, tenant, query, (tenant, user)))

    async def unlink(self, tenant: UUID, provider: UUID, user: UUID | None = None) -> None:
        """Forget whom a provider calls somebody; None for everybody that it has told of."""
        query = "SELECT credentials.unlink(%s, %s, %s)"
        await ask_one(self.pool, tenant, query, (tenant, provider, user))

    async def finish(self, flow: str, *, at: datetime, until: datetime) -> bool:
        """False for a flow that was finished already.

        `flow`: what only this one has; `until`: when it would end by itself.
        """
        query = "SELECT credentials.finish_flow(%s, %s, %s)"
        digest = sha256(flow.encode()).digest()
        async with self.pool.connection() as connection:
            row = await (await connection.execute(query, (digest, at, until))).fetchone()
        return bool(row and row[0])

    def _hash(self, subject: Subject) -> bytes:
        # No address contains a zero byte, so no two subjects are written alike.
        told = subject.provider.bytes + subject.issuer.encode() + b"\0" + subject.name.encode()
        return hmac.digest(self.key, told, sha256)
