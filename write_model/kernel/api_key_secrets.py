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
from write_model.kernel.listing import BEFORE_ALL, Mark

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
class ListedKey:
    """`used_at`: None when it never was."""

    key: UUID
    made_at: datetime
    used_at: datetime | None

    @property
    def mark(self) -> Mark:
        return Mark(self.made_at, self.key)


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

    async def begin(
        self, key: UUID, tenant: UUID, token: str, *, at: datetime, until: datetime, at_most: int
    ) -> bool:
        """Keep the first secret of a key, which counts `until` then; it may be kept once more.

        False where the organization has `at_most` other keys that count.
        """
        query = "SELECT credentials.begin_api_key(%s, %s, %s, %s, %s, %s)"
        given = (key, tenant, digest(token), at, until, at_most)
        [[has_begun]] = await ask_one(self.pool, tenant, query, given)
        return bool(has_begun)

    async def keep(self, key: UUID, tenant: UUID, token: str) -> None:
        """Beside those kept before: which one is good the log says. It may be kept once more."""
        await self._one("SELECT credentials.keep_api_key(%s, %s, %s)", key, tenant, digest(token))

    async def find(self, token: str) -> Kept | None:
        query = "SELECT key_id, tenant_id FROM credentials.find_api_key(%s)"
        row = await self._one(query, digest(token))
        return Kept(*row) if row else None

    async def used(self, key: UUID, *, at: datetime) -> None:
        """Written down at most once an hour, whatever is asked."""
        await self._one("SELECT credentials.use_api_key(%s, %s)", key, at)

    async def of(self, tenant: UUID, *, after: Mark = BEFORE_ALL, at_most: int) -> list[ListedKey]:
        """Keys that were ever asked for in the organization, the oldest first."""
        query = "SELECT key_id, made_at, used_at FROM credentials.api_keys_of(%s, %s, %s, %s)"
        given = (tenant, *after, at_most)
        return [ListedKey(*row) for row in await ask_one(self.pool, tenant, query, given)]

    async def that_count(self, tenant: UUID, *, at: datetime, made_before: datetime) -> list[UUID]:
        """Which keys take a place of the organization's, but for the youngest."""
        query = "SELECT key_id FROM credentials.api_keys_that_count(%s, %s, %s)"
        rows = await ask_one(self.pool, tenant, query, (tenant, at, made_before))
        return [key for (key,) in rows]

    async def stop_counting(self, tenant: UUID, keys: list[UUID], *, at: datetime) -> None:
        query = "SELECT credentials.stop_counting_api_keys(%s, %s, %s)"
        await ask_one(self.pool, tenant, query, (tenant, keys, at))

    def _tag(self, prefix: str, secret: bytes) -> bytes:
        return hmac.digest(self.tags, prefix.encode() + secret, sha256)[:_TAG_BYTES]

    async def _one(self, query: LiteralString, *parameters: object) -> TupleRow | None:
        async with self.pool.connection() as connection:
            return await (await connection.execute(query, parameters)).fetchone()


def digest(token: str) -> bytes:
    """It has 256 random bits, so nothing slower is needed."""
    return sha256(token.encode()).digest()
