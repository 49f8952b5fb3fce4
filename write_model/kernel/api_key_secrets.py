"""The secrets of API keys: shown once, and kept beside the log as hashes only.

A secret carries a tag that only this installation makes (HMAC-SHA256, 64 bits of it), so that what
somebody makes up is refused without asking the database.
"""

from __future__ import annotations

import base64
import hmac
import os
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import LiteralString
from uuid import UUID

from psycopg.rows import TupleRow

from write_model.kernel.asking import Pool, ask_one

BEGINS = "tsk_"
_PREFIX_BYTES, _SECRET_BYTES, _TAG_BYTES = 5, 32, 8
SEED_BYTES = _PREFIX_BYTES + _SECRET_BYTES
_PREFIX_LENGTH = len(BEGINS) + 8
"""Five bytes are eight letters and digits of base 32."""


@dataclass(frozen=True, slots=True)
class Secret:
    """The only time that the token is known; `prefix` names it where it is shown later."""

    token: str = field(repr=False)
    prefix: str


@dataclass(frozen=True, slots=True)
class Kept:
    key: UUID
    tenant: UUID


@dataclass(frozen=True, slots=True)
class ApiKeySecrets:
    pool: Pool
    tags: bytes = field(repr=False)
    """The key of the tags."""

    def make(self, seed: bytes | None = None) -> Secret:
        """`seed`: SEED_BYTES that nobody guesses, which make the same again; None for new ones."""
        seed = seed or os.urandom(SEED_BYTES)
        prefix = BEGINS + base64.b32encode(seed[:_PREFIX_BYTES]).decode().lower()
        secret = seed[_PREFIX_BYTES:]
        rest = base64.urlsafe_b64encode(secret + self._tag(prefix, secret)).decode()
        return Secret(f"{prefix}_{rest.rstrip('=')}", prefix)

    def prefix_of(self, token: str) -> str | None:
        """None for what was not made here."""
        prefix, rest = token[:_PREFIX_LENGTH], token[_PREFIX_LENGTH + 1 :]
        try:
            value = base64.b64decode(rest + "=" * (-len(rest) % 4), b"-_", validate=True)
        except ValueError:
            return None
        secret, tag = value[:_SECRET_BYTES], value[_SECRET_BYTES:]
        return prefix if hmac.compare_digest(tag, self._tag(prefix, secret)) else None

    async def keep(self, key: UUID, tenant: UUID, token: str) -> None:
        """Beside those kept before: which one is good the log says. It may be kept once more."""
        await self._one("SELECT credentials.keep_api_key(%s, %s, %s)", digest(token), key, tenant)

    async def find(self, token: str) -> Kept | None:
        query = "SELECT key_id, tenant_id FROM credentials.find_api_key(%s)"
        row = await self._one(query, digest(token))
        return Kept(*row) if row else None

    async def used(self, key: UUID, *, at: datetime) -> None:
        """Written down at most once an hour, whatever is asked."""
        await self._one("SELECT credentials.use_api_key(%s, %s)", key, at)

    async def of(self, tenant: UUID) -> dict[UUID, datetime | None]:
        """Every key that was ever made for the organization, the oldest first: when used last."""
        query = "SELECT key_id, used_at FROM credentials.api_keys_of(%s)"
        return dict(await ask_one(self.pool, tenant, query, (tenant,)))

    def _tag(self, prefix: str, secret: bytes) -> bytes:
        return hmac.digest(self.tags, prefix.encode() + secret, sha256)[:_TAG_BYTES]

    async def _one(self, query: LiteralString, *parameters: object) -> TupleRow | None:
        async with self.pool.connection() as connection:
            return await (await connection.execute(query, parameters)).fetchone()


def digest(token: str) -> bytes:
    """It has 256 random bits, so nothing slower is needed."""
    return sha256(token.encode()).digest()
