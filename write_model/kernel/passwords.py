"""Password hashes: argon2id, off the event loop, a bounded number at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from write_model.kernel.errors import Overloaded

# OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane; 20 ms.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`rehash`: a hash with the present parameters, when the kept one has others."""

    matches: bool
    rehash: str | None = None


class Passwords:
    """Computes `at_once` hashes at a time and lets `waiting` more callers wait for a turn."""

    def __init__(
        self, hasher: PasswordHasher = HASHER, *, at_once: int = 2, waiting: int = 64
    ) -> None:
        self._hasher = hasher
        self._turns = asyncio.Semaphore(at_once)
        self._places = at_once + waiting
        self._for_nobody = hasher.hash("nobody has this password")

    async def hashed(self, password: str) -> str:
        """Raises: Overloaded."""
        async with self._turn():
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verified(self, password: str, kept: str | None) -> Verdict:
        """Whether it is the password; for an unknown person (None) it is not, in the same time.

        Raises: Overloaded.
        """
        async with self._turn():
            matches = await asyncio.to_thread(self._matches, password, kept or self._for_nobody)
        if kept is None or not matches:
            return Verdict(False)
        if not self._hasher.check_needs_rehash(kept):
            return Verdict(True)
        return Verdict(True, await self.hashed(password))

    def _matches(self, password: str, kept: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except VerificationError:
            return False

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        if self._places == 0:
            raise Overloaded
        self._places -= 1
        try:
            async with self._turns:
                yield
        finally:
            self._places += 1
