"""What becomes of a person's credentials, in the access log of each organization he is in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

import psycopg

from api.identity.actors import Actors
from write_model.kernel.access_log import Access, AccessLog
from write_model.kernel.clock import Clock
from write_model.kernel.credentials import Logins
from write_model.kernel.errors import Unauthenticated, Unavailable

WHAT = "credentials"
_FINISH_S = 5.0
"""As long as a statement may take."""


@dataclass(frozen=True, slots=True)
class OnRecord:
    access_log: AccessLog
    logins: Logins
    actors: Actors
    clock: Clock
    _noting: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    def note(self, user: UUID, outcome: str) -> None:
        """Soon: in how long an attempt is refused nobody shall read whether the person exists."""
        if self.access_log.admits(user, WHAT, outcome, now=self.clock()):
            task = asyncio.create_task(self._noted(user, outcome))
            self._noting.add(task)
            task.add_done_callback(self._noting.discard)

    async def finished(self) -> None:
        """Wait until the access log has all that was noted: before the process ends."""
        if self._noting:
            await asyncio.wait(self._noting, timeout=_FINISH_S)

    async def _noted(self, user: UUID, outcome: str) -> None:
        try:
            await self._written_down(user, outcome)
        except (psycopg.Error, Unavailable) as error:
            self.access_log.miss(1, error)

    async def _written_down(self, user: UUID, outcome: str) -> None:
        """Not where he is no longer a member: there it is nobody's business any more."""
        at = self.clock()
        for tenant in await self.logins.organizations_of(user):
            try:
                await self.actors.member(tenant, user)
            except Unauthenticated:
                continue
            self.access_log.note(Access(tenant, at, user, WHAT, "", "", outcome))
