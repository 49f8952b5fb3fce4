"""The sign-ins of a person, as they are shown to him and ended.

Neither address nor device is kept: both are personal, and nothing here needs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from write_model.kernel.asking import Pool
from write_model.kernel.credentials import IDLE_SIGN_INS_LIVE
from write_model.kernel.listing import AFTER_ALL, Mark


@dataclass(frozen=True, slots=True)
class SignIn:
    """`used_at`: when it was begun or renewed last."""

    id: UUID
    tenant: UUID
    began_at: datetime
    used_at: datetime
    expires_at: datetime

    @property
    def mark(self) -> Mark:
        return Mark(self.began_at, self.id)


class SignIns:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of(
        self, user: UUID, *, at: datetime, after: Mark = AFTER_ALL, at_most: int | None = None
    ) -> list[SignIn]:
        """Those that live, the newest first; `after`: the older ones; `at_most`: None for all."""
        query = (
            "SELECT sign_in_id, tenant_id, created_at, used_at, expires_at"
            " FROM credentials.sign_ins_of(%s, %s, %s, %s, %s, %s)"
        )
        given = (user, at, at - IDLE_SIGN_INS_LIVE, *after, at_most)
        async with self._pool.connection() as connection:
            found = await connection.execute(query, given)
            return [SignIn(*row) for row in await found.fetchall()]

    async def lives(self, user: UUID, sign_in: UUID, *, at: datetime) -> bool:
        query = "SELECT credentials.sign_in_lives(%s, %s, %s)"
        return bool(await self._count(query, (user, sign_in, at)))

    async def end(self, user: UUID, sign_in: UUID | None = None, *, at: datetime) -> bool:
        """End one of the person's, or all; False when he has no such sign-in, ended ones included.

        An ended one ends once more: whoever was cut off before it was on record tries again.
        """
        query = "SELECT credentials.end_sign_ins(%s, %s, %s)"
        return bool(await self._count(query, (user, sign_in, at)))

    async def _count(self, query: LiteralString, parameters: tuple[object, ...]) -> int:
        async with self._pool.connection() as connection:
            row = await (await connection.execute(query, parameters)).fetchone()
            return int(row[0]) if row else 0
