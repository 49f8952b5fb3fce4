"""What one api process is made of, as its routes reach it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from starlette.requests import HTTPConnection

from api.budgets import Budgets
from api.deadlines import Deadlines
from api.identity.identity import Identity
from api.limits import Limits
from api.questions import Questions
from api.requests_seen import RequestsSeen
from api.siblings import Siblings
from projections.push import Ring
from write_model.application import WriteModel
from write_model.kernel.settings import Settings

if TYPE_CHECKING:  # What sends to subscribers reaches its process through this module.
    from api.pushing.fan_out import FanOut
    from api.pushing.teams import Teams
    from api.pushing.tickets import Tickets

_FAREWELL_S = 0.3
_PROCESS = "process"
"""Where a request's scope holds it."""

Pool = AsyncConnectionPool[AsyncConnection[Any]]


@dataclass(frozen=True, slots=True)
class Process:
    settings: Settings
    pool: Pool
    write_model: WriteModel
    questions: Questions
    identity: Identity
    ring: Ring
    fan_out: FanOut
    teams: Teams
    tickets: Tickets
    budgets: Budgets
    limits: Limits
    seen: RequestsSeen
    pools: Mapping[str, Pool]
    """By name: `pool` asks the log and the keys, one the log's end, the others what is shown."""
    siblings: Siblings
    deadlines: Deadlines
    metrics_token: str
    """Whoever sends it may read what the service measures of itself."""
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is about to end: long-lived connections close themselves."""

    def leave(self) -> None:
        """Have long-lived connections say where to resume, and close themselves."""
        self.draining.set()
        self.fan_out.dismiss()

    async def drain(self) -> None:
        """Let long-lived connections say where to resume, for a moment at most."""
        self.leave()
        try:
            async with asyncio.timeout(_FAREWELL_S):
                await self.budgets.streams.emptied()
        except TimeoutError:
            pass  # Whoever has not taken his farewell is cut off with the server.


def process(connection: HTTPConnection) -> Process:
    """The process that serves this request; it is asked for six times in a command."""
    scope = connection.scope
    found: Process | None = scope.get(_PROCESS)
    if found is None:
        found = scope[_PROCESS] = cast("Process", connection.app.state.process)
    return found
