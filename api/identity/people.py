"""Names behind subject ids, opened once per process and shown at the rim."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from read_model.people import sealed_fields
from write_model.kernel.access import SYSTEM
from write_model.kernel.keyring import Keyring
from write_model.kernel.recent import RecentFrom
from write_model.membership.membership import membership_stream

Pool = AsyncConnectionPool[AsyncConnection[Any]]


class People:
    """Remembers `remembered` opened names; the tail evicts those whose person has changed."""

    def __init__(self, pool: Pool, keyring: Keyring, *, remembered: int = 50_000) -> None:
        self._pool, self._keyring = pool, keyring
        self._names: RecentFrom[tuple[UUID, UUID], str, UUID] = RecentFrom(remembered)
        self._changes = 0

    async def names(self, tenant: UUID, subjects: Collection[UUID]) -> dict[UUID, str]:
        """Subject -> name; unknown and erased people are left out."""
        known = ((subject, self._names.get((tenant, subject))) for subject in subjects)
        names = {subject: name for subject, name in known if name is not None}
        if missing := {subject for subject in subjects if subject not in names}:
            names |= await self._opened(tenant, missing)
        return names

    async def emails(self, subjects: Collection[UUID]) -> dict[UUID, str]:
        """Subject -> e-mail address, of those who can sign in; never remembered."""
        return await self._values(SYSTEM, list(subjects), "email")

    def evict(self, stream: UUID) -> None:
        """Forget the person of a membership stream: something has happened in it."""
        self._changes += 1
        self._names.forget_from(stream)

    def distrust(self) -> None:
        """Forget everybody."""
        self._changes += 1
        self._names.clear()

    async def _opened(self, tenant: UUID, subjects: Collection[UUID]) -> dict[UUID, str]:
        streams = {membership_stream(tenant, subject): subject for subject in subjects}
        changes = self._changes
        names = await self._values(tenant, list(streams), "name")
        if changes == self._changes:
            self._remember(tenant, streams, names)
        return names

    def _remember(self, tenant: UUID, streams: dict[UUID, UUID], names: dict[UUID, str]) -> None:
        for stream, subject in streams.items():
            if subject in names:
                self._names.remember_from(stream, (tenant, subject), names[subject])

    async def _values(self, tenant: UUID, streams: list[UUID], field: str) -> dict[UUID, str]:
        found = await sealed_fields(self._pool, tenant, streams)
        wanted = [(one.sealed, one.place) for one in found if one.field == field]
        opened = await self._keyring.open_many(wanted)
        return {
            sealed.subject: value
            for (sealed, _), value in zip(wanted, opened, strict=True)
            if value is not None
        }
