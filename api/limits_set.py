"""Takes over what the operator has set for single organizations: with no question per request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from api.limits import Limits
from read_model.limits_set import BEGINNING, set_since
from write_model.kernel.asking import Pool

log = structlog.get_logger(__name__)

_EVERY_S = 2.0


@dataclass(slots=True)
class LimitsSet:
    pool: Pool
    limits: Limits
    _since: datetime = BEGINNING

    async def run(self) -> None:
        """Look every two seconds, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_EVERY_S)

    async def look(self) -> None:
        """While the database does not answer, what is known goes on to hold."""
        try:
            found = await set_since(self.pool, self._since)
        except (psycopg.OperationalError, PoolTimeout) as error:
            log.info("limits_were_not_looked_up", reason=type(error).__name__)
            return
        for each in found:
            self.limits.set(each.tenant, each.kind, each.often)
            self._since = each.changed_at
