"""What lets somebody set a password once: invitations and resets, kept as hashes only."""

from __future__ import annotations

import base64
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal, LiteralString
from uuid import UUID

from psycopg.rows import TupleRow
from pydantic_core import to_json

from write_model.kernel.access import Actor
from write_model.kernel.asking import Pool, ask_one
from write_model.kernel.listing import BEFORE_ALL, Mark
from write_model.kernel.messages import IdempotencyKey

Purpose = Literal["invitation", "reset"]

LIVE: dict[Purpose, timedelta] = {"invitation": timedelta(days=7), "reset": timedelta(hours=1)}
"""An invitation waits for somebody who may be away; who asked for a reset is there."""
_PREFIX: dict[Purpose, str] = {"invitation": "tsi_", "reset": "tsp_"}
_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Pass:
    """The only time that its token is known."""

    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a pass is for, and what is kept of his password.

    `is_pending`: nobody has seen a password that goes with it.
    """

    tenant: UUID
    user: UUID
    password_hash: str
    is_pending: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Open:
    user: UUID
    made_at: datetime
    expires_at: datetime

    @property
    def mark(self) -> Mark:
        return Mark(self.made_at, self.user)


class Passes:
    """`secret`: what a token comes from that is told again, so that it need not be kept."""

    def __init__(self, pool: Pool, purpose: Purpose, secret: bytes) -> None:
        self._pool = pool
        self._purpose: Purpose = purpose
        self._secret = secret

    def token(self, by: Actor, key: IdempotencyKey | None) -> str:
        """32 bytes that nobody guesses; with a key the same again for the same request."""
        if key is None:
            return _PREFIX[self._purpose] + secrets.token_urlsafe(_TOKEN_BYTES)
        asked = to_json((self._purpose, by.tenant, by.id, key.key, key.digest.hex()))
        digest = hmac.digest(self._secret, asked, sha256)
        return _PREFIX[self._purpose] + base64.urlsafe_b64encode(digest).decode().rstrip("=")

    async def offer(self, tenant: UUID, user: UUID, token: str, *, at: datetime) -> Pass:
        """A new one; an older one of the same kind is no longer good."""
        await self._offered(tenant, user, token, at, None)
        return Pass(token, at + LIVE[self._purpose])

    async def offer_in_order(
        self, tenant: UUID, user: UUID, token: str, *, at: datetime, version: int
    ) -> Pass | None:
        """The one that was put on record with a version, which those before it do not replace.

        Offered again it is the same. None when a later one was offered, or its time is over.
        """
        until = await self._offered(tenant, user, token, at, version)
        return None if until is None else Pass(token, until)

    async def holder(self, token: str, *, at: datetime) -> Holder | None:
        """None when it is not, or no longer, good."""
        query = (
            "SELECT tenant_id, user_id, password_hash, is_pending, expires_at"
            " FROM credentials.find_pass(%s, %s, %s)"
        )
        row = await self._one(query, _digest(token), at)
        return Holder(*row) if row else None

    async def use(self, token: str, *, new_hash: str | None, at: datetime) -> bool:
        """Set the password, where one is given, and end the pass and with it all sign-ins.

        False when it was used meanwhile; an invitation also when there is a password by now.
        """
        query = "SELECT credentials.use_pass(%s, %s, %s, %s)"
        row = await self._one(query, _digest(token), new_hash, at)
        return bool(row and row[0])

    async def withdraw(self, tenant: UUID, user: UUID, *, version: int) -> None:
        """End the one that was offered before this version of the membership; a later one stays."""
        query = "SELECT credentials.withdraw_pass(%s, %s, %s, %s)"
        await self._one(query, tenant, user, version)

    async def _offered(
        self, tenant: UUID, user: UUID, token: str, at: datetime, version: int | None
    ) -> datetime | None:
        """Until when it is good."""
        query = "SELECT credentials.offer_pass(%s, %s, %s, %s, %s, %s, %s)"
        until = at + LIVE[self._purpose]
        row = await self._one(query, tenant, user, _digest(token), at, until, version)
        return row[0] if row else None

    async def _one(self, query: LiteralString, *parameters: object) -> TupleRow | None:
        async with self._pool.connection() as connection:
            return await (await connection.execute(query, (self._purpose, *parameters))).fetchone()


async def invitations_of(
    pool: Pool, tenant: UUID, *, after: Mark = BEFORE_ALL, at_most: int
) -> list[Open]:
    """Those that were neither accepted nor withdrawn, the oldest first; some may have expired."""
    query = "SELECT user_id, made_at, expires_at FROM credentials.invitations_of(%s, %s, %s, %s)"
    return [Open(*row) for row in await ask_one(pool, tenant, query, (tenant, *after, at_most))]


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
