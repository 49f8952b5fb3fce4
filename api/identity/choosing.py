"""Judges a password that is about to be set; never one that somebody signs in with."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from api.identity.people import People
from write_model.accounts import Accounts, NewMember
from write_model.kernel.breached import Breached
from write_model.kernel.guessable import must_be_hard_to_guess
from write_model.organization.organization import ORGANIZATION


@dataclass(frozen=True, slots=True)
class Choosing:
    accounts: Accounts
    people: People
    breached: Breached | None

    async def must_be_fit(
        self, password: str, user: UUID, *, field: str, name: str | None = None
    ) -> None:
        """For somebody who is known; `name`: how he calls himself from now on.

        Raises: Invalid.
        """
        about = [name or "", *(await self.people.emails([user])).values()]
        for tenant in await self.accounts.logins.organizations_of(user):
            about += (await self.people.names(tenant, [user])).values()
            about.append(await self._organization(tenant))
        await self._judged(password, about, field=field)

    async def must_be_fit_for(
        self, member: NewMember, tenant: UUID, password: str, *, field: str
    ) -> None:
        """For somebody who is about to be added. Raises: Invalid."""
        about = (member.name, member.email, await self._organization(tenant))
        await self._judged(password, about, field=field)

    async def _judged(self, password: str, about: Collection[str], *, field: str) -> None:
        must_be_hard_to_guess(password, field=field, about=about)
        if self.breached is not None:  # Beside the event loop, for it may wait for a disk.
            await asyncio.to_thread(self.breached.must_not_hold, password, field=field)

    async def _organization(self, tenant: UUID) -> str:
        founded, _ = await self.accounts.write_model.state(tenant, tenant, ORGANIZATION)
        name: str = founded.name
        return name
