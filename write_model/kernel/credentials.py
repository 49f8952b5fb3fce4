"""Who may sign in: password hashes and refresh tokens, kept outside the log.

Every look-up is one database function that answers one row; no role can read the tables.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import LiteralString
from uuid import UUID

from psycopg.rows import TupleRow

from write_model.kernel.asking import Pool, ask_one
from write_model.kernel.listing import BEFORE_ALL, Mark

REFRESH_TOKENS_LIVE = timedelta(days=30)
"""However often they are renewed."""
FIRST_PASSWORDS_LIVE = timedelta(days=7)
"""Of one that was made up: as long as an invitation waits."""
IDLE_SIGN_INS_LIVE = timedelta(days=14)
"""Without a renewal: a holiday, but no forgotten device."""
_PREFIX = "tsr_"
_FAMILY_BYTES, _SECRET_BYTES = 16, 32


@dataclass(frozen=True, slots=True)
class Login:
    """`tenants`: where the person was added, the first one first.

    `good_until`: of a password that was made up; None for one's own.
    """

    user: UUID
    password_hash: str
    is_pending: bool
    tenants: tuple[UUID, ...]
    good_until: datetime | None = None

    def is_good(self, at: datetime) -> bool:
        return self.good_until is None or at < self.good_until


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a person may sign in; whether it is still so, the membership says."""

    user: UUID
    added_at: datetime

    @property
    def mark(self) -> Mark:
        return Mark(self.added_at, self.user)


class Logins:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, blind_email: bytes) -> Login | None:
        query = (
            "SELECT user_id, password_hash, is_pending, tenants, good_until"
            " FROM credentials.find_login(%s)"
        )
        row = await _one(self._pool, query, blind_email)
        return Login(row[0], row[1], row[2], tuple(row[3]), row[4]) if row else None

    async def members_of(
        self, tenant: UUID, *, after: Mark = BEFORE_ALL, at_most: int
    ) -> list[Seat]:
        """Who was ever added, in that order."""
        query = "SELECT user_id, added_at FROM credentials.members_of(%s, %s, %s, %s)"
        given = (tenant, *after, at_most)
        return [Seat(*row) for row in await ask_one(self._pool, tenant, query, given)]

    async def claim(
        self,
        blind_email: bytes,
        new_user: UUID,
        password_hash: str,
        *,
        tenant: UUID,
        until: datetime | None = None,
    ) -> tuple[UUID, bool]:
        """Whose login it is, and whether the hash given is now the one kept, good `until` then.

        Until `settle`, the same organization may claim it again with another password.
        """
        query = "SELECT user_id, is_new FROM credentials.claim_login(%s, %s, %s, %s, %s)"
        row = await _one(self._pool, query, blind_email, new_user, password_hash, tenant, until)
        assert row is not None
        return row[0], row[1]

    async def settle(self, user: UUID, password_hash: str) -> bool:
        """Make a claimed login final; False when it was claimed again or is final already."""
        query = "SELECT credentials.settle_login(%s, %s)"
        return await _said(self._pool, query, user, password_hash)

    async def change_password(self, user: UUID, *, old_hash: str, new_hash: str) -> bool:
        """False when the hash is no longer the old one."""
        query = "SELECT credentials.change_password(%s, %s, %s)"
        return await _said(self._pool, query, user, old_hash, new_hash)

    async def password_of(self, user: UUID) -> str | None:
        """The hash that is kept of a person's password; None for who does not sign in."""
        row = await _one(self._pool, "SELECT credentials.password_of(%s)", user)
        return row[0] if row else None

    async def organizations_of(self, user: UUID) -> tuple[UUID, ...]:
        """Where the person was ever added, the first one first."""
        row = await _one(self._pool, "SELECT credentials.organizations_of(%s)", user)
        return tuple(row[0]) if row else ()

    async def replace_password(
        self, user: UUID, *, old_hash: str, new_hash: str, at: datetime
    ) -> bool:
        """Ends all sign-ins of the person as well; False when the hash is no longer the old one."""
        query = "SELECT credentials.replace_password(%s, %s, %s, %s)"
        return await _said(self._pool, query, user, old_hash, new_hash, at)


@dataclass(frozen=True, slots=True)
class Begun:
    """`sign_in` names the family where it is shown; who knows it can renew nothing."""

    token: str
    sign_in: UUID


@dataclass(frozen=True, slots=True)
class Renewed:
    user: UUID
    tenant: UUID
    sign_in: UUID
    token: str


@dataclass(frozen=True, slots=True)
class Ended:
    user: UUID
    sign_in: UUID


class RefreshTokens:
    """Opaque tokens in families, one family per sign-in; each token is good for one renewal.

    A token that comes a second time revokes its family: one of its two holders stole it.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def start(self, user: UUID, tenant: UUID, *, verified: str, at: datetime) -> Begun | None:
        """The first token of a family; None when the `verified` hash is no longer the one kept."""
        family, token, digest = _new_token()
        sign_in = UUID(bytes=os.urandom(_FAMILY_BYTES))
        query = "SELECT credentials.start_family(%s, %s, %s, %s, %s, %s, %s, %s)"
        parts = (family, sign_in, user, tenant, verified, digest, at, at + REFRESH_TOKENS_LIVE)
        return Begun(token, sign_in) if await _said(self._pool, query, *parts) else None

    async def renew(self, token: str, *, at: datetime) -> Renewed | Ended | None:
        """The next token of the family; None when this one is not, or no longer, good.

        Ended: it came a second time, and with it the family has ended just now.
        """
        if (parts := _parts(token)) is None:
            return None
        family, old_digest = parts
        _, new_token, new_digest = _new_token(family)
        query = (
            "SELECT user_id, tenant_id, sign_in_id, is_renewed"
            " FROM credentials.rotate_family(%s, %s, %s, %s, %s)"
        )
        given = (family, old_digest, new_digest, at, at - IDLE_SIGN_INS_LIVE)
        if (row := await _one(self._pool, query, *given)) is None:
            return None
        user, tenant, sign_in, is_renewed = row
        return Renewed(user, tenant, sign_in, new_token) if is_renewed else Ended(user, sign_in)

    async def revoke(self, token: str, *, at: datetime) -> Ended | None:
        """End the family of a token; None when it has ended already, or there is none."""
        if (parts := _parts(token)) is None:
            return None
        query = "SELECT user_id, sign_in_id FROM credentials.revoke_family(%s, %s)"
        row = await _one(self._pool, query, parts[0], at)
        return Ended(*row) if row else None


def _new_token(family: UUID | None = None) -> tuple[UUID, str, bytes]:
    family = family or UUID(bytes=os.urandom(_FAMILY_BYTES))
    secret = os.urandom(_SECRET_BYTES)
    token = base64.urlsafe_b64encode(family.bytes + secret).decode()
    return family, _PREFIX + token, sha256(secret).digest()


def _parts(token: str) -> tuple[UUID, bytes] | None:
    try:
        value = base64.urlsafe_b64decode(token.removeprefix(_PREFIX))
    except ValueError:
        return None
    if len(value) != _FAMILY_BYTES + _SECRET_BYTES:
        return None
    return UUID(bytes=value[:_FAMILY_BYTES]), sha256(value[_FAMILY_BYTES:]).digest()


async def _one(pool: Pool, query: LiteralString, *parameters: object) -> TupleRow | None:
    async with pool.connection() as connection:
        return await (await connection.execute(query, parameters)).fetchone()


async def _said(pool: Pool, query: LiteralString, *parameters: object) -> bool:
    row = await _one(pool, query, *parameters)
    return bool(row and row[0])
