"""How many API keys an organization has in force: as many as somebody can look through.

They are counted beside the log, where those meet who make keys at once. What the log says goes
before: who is refused there, or was cut off on the way, counts until it is counted anew.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from write_model.api_key.api_key import API_KEY, ApiKey
from write_model.api_key.commands import USUALLY_LIVES
from write_model.application import WriteModel
from write_model.kernel.api_key_secrets import ApiKeySecrets
from write_model.kernel.clock import Clock
from write_model.kernel.errors import IllegalTransition
from write_model.kernel.recent import Recent

AT_MOST = 1_000
"""Of an organization: several for each of its services."""
ANEW_EVERY = timedelta(minutes=1)
"""Of one organization, because all its keys are read for it."""
_ON_THE_WAY = timedelta(minutes=1)
"""Into the log: far longer than a command may take."""


@dataclass(frozen=True, slots=True)
class KeysInForce:
    write_model: WriteModel
    secrets: ApiKeySecrets
    clock: Clock
    at_most: int = AT_MOST
    _anew: Recent[UUID, datetime] = field(default_factory=lambda: Recent(1_000))
    _counting: dict[UUID, asyncio.Task[None]] = field(
        default_factory=dict[UUID, "asyncio.Task[None]"]
    )

    async def begin(
        self, key: UUID, tenant: UUID, token: str, *, until: datetime | None = None
    ) -> None:
        """Keep the first secret of a key, which counts from now on; it may be kept once more.

        `until`: None for as long as keys usually live.
        Raises: IllegalTransition when the organization has as many others as it may.
        """
        if await self._has_begun(key, tenant, token, until):
            return
        await self._count_anew(tenant)
        if not await self._has_begun(key, tenant, token, until):
            raise IllegalTransition(
                f"An organization has at most {self.at_most:,} API keys in force; revoke one first."
            )

    async def end(self, key: UUID, tenant: UUID) -> None:
        """A key was revoked; repeated, it changes nothing."""
        await self.secrets.stop_counting(tenant, [key], at=self.clock())

    async def _has_begun(self, key: UUID, tenant: UUID, token: str, until: datetime | None) -> bool:
        now = self.clock()
        until = until or now + USUALLY_LIVES
        return await self.secrets.begin(
            key, tenant, token, at=now, until=until, at_most=self.at_most
        )

    async def _count_anew(self, tenant: UUID) -> None:
        """Once for all who find at once that there is no room."""
        before = self._anew.get(tenant)
        if before is not None and self.clock() - before < ANEW_EVERY:
            return
        if (counting := self._counting.get(tenant)) is None:
            counting = self._counting[tenant] = asyncio.create_task(self._counted_anew(tenant))
            counting.add_done_callback(lambda _: self._counting.pop(tenant))
        await asyncio.shield(counting)

    async def _counted_anew(self, tenant: UUID) -> None:
        now = self.clock()
        keys = await self.secrets.that_count(tenant, at=now, made_before=now - _ON_THE_WAY)
        states = await asyncio.gather(*(self._state(tenant, key) for key in keys))
        over = [key for key, state in zip(keys, states, strict=True) if not state.is_in_force(now)]
        await self.secrets.stop_counting(tenant, over, at=now)
        self._anew.remember(tenant, now)

    async def _state(self, tenant: UUID, key: UUID) -> ApiKey:
        state: ApiKey
        state, _ = await self.write_model.state(tenant, key, API_KEY)
        return state
