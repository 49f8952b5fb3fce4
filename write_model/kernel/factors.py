"""Second factors as they are kept beside the log: sealed secrets, and hashes of recovery codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import LiteralString
from uuid import UUID

from psycopg.rows import TupleRow

from write_model.kernel.asking import Pool


@dataclass(frozen=True, slots=True)
class Factor:
    """`is_on`: its owner has shown that he can make codes."""

    sealed: bytes = field(repr=False)
    is_on: bool
    codes_left: int


class Factors:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of(self, user: UUID) -> Factor | None:
        query = "SELECT sealed, is_on, codes_left FROM credentials.factor_of(%s)"
        row = await self._one(query, user)
        return Factor(*row) if row else None

    async def offer(self, user: UUID, sealed: bytes) -> bool:
        """In place of one that was never confirmed; False when one is on."""
        return await self._said("SELECT credentials.offer_factor(%s, %s)", user, sealed)

    async def confirm(
        self, user: UUID, sealed: bytes, *, step: int, code_hashes: Sequence[bytes]
    ) -> bool:
        """False when it is on already, or another was offered meanwhile."""
        query = "SELECT credentials.confirm_factor(%s, %s, %s, %s)"
        return await self._said(query, user, sealed, step, list(code_hashes))

    async def take_step(self, user: UUID, step: int) -> bool:
        """False when this step's code, or a later one, was used already."""
        return await self._said("SELECT credentials.take_step(%s, %s)", user, step)

    async def use_recovery_code(self, user: UUID, code_hash: bytes) -> bool:
        return await self._said("SELECT credentials.use_recovery_code(%s, %s)", user, code_hash)

    async def remove(self, user: UUID) -> None:
        await self._one("SELECT credentials.remove_factor(%s)", user)

    async def _one(self, query: LiteralString, *parameters: object) -> TupleRow | None:
        async with self._pool.connection() as connection:
            return await (await connection.execute(query, parameters)).fetchone()

    async def _said(self, query: LiteralString, *parameters: object) -> bool:
        row = await self._one(query, *parameters)
        return bool(row and row[0])
