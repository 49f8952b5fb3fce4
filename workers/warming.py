"""Has dear answers ready: those that were asked for lately are computed again when they change.

It runs beside the projector, as the app role, and nothing waits for it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from uuid import UUID

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from read_model.cache import Cache, open_cache
from read_model.dear import DearAnswers, DearQuestion
from read_model.dear_questions import dear_answers
from read_model.queries.cursor import Cursors
from read_model.queries.incident_list import IncidentList
from read_model.reader import Reader, open_pool
from write_model.kernel.clock import wall_clock
from write_model.kernel.errors import DomainError
from write_model.kernel.settings import APP, Settings

_LOOK_EVERY_S = 0.25
_EVERY_S = 1.0
"""As often at most for one organization, however fast its log grows."""
_PAUSES = 9
"""How many times as long as computing took it rests: a tenth of one core and no more."""

_RETRY_S = 1.0

_log = structlog.get_logger("warming")


class Warming:
    """Goes round the organizations of which something was asked lately."""

    def __init__(self, cache: Cache, answers: DearAnswers) -> None:
        self._cache, self._answers = cache, answers
        self._next_s: dict[UUID, float] = {}

    async def round(self) -> None:
        """Compute what is missing for those whose time has come."""
        organizations = await self._cache.organizations()
        due_s = {tenant: self._next_s.get(tenant, 0.0) for tenant in organizations}
        self._next_s = due_s
        for tenant, at_s in due_s.items():
            began_s = time.monotonic()
            if began_s >= at_s:
                await self._warm(tenant)
                took_s = time.monotonic() - began_s
                due_s[tenant] = began_s + max(_EVERY_S, (1 + _PAUSES) * took_s)

    async def _warm(self, tenant: UUID) -> None:
        for text in await self._cache.questions(tenant):
            try:
                await self._answers.warm(tenant, DearQuestion.read(text))
            except (DomainError, psycopg.Error, PoolTimeout) as error:
                _log.info("warming.left_out", reason=type(error).__name__)


def run(settings: Settings, stop: threading.Event) -> None:
    """Go round until `stop`; whatever goes wrong is logged and tried again."""
    while not stop.is_set():
        try:
            asyncio.run(_go_round(settings, stop))
        except Exception:  # noqa: BLE001  # the outer loop: nothing is lost with what it knew
            _log.exception("warming.stumbled", again_in_s=_RETRY_S)
            stop.wait(_RETRY_S)


async def _go_round(settings: Settings, stop: threading.Event) -> None:
    master = settings.master_secret()
    async with (
        open_pool(settings.conninfo(APP), size=1) as pool,
        open_cache(settings.cache_url(), master, wall_clock) as cache,
    ):
        reader = Reader(pool)
        incident_list = IncidentList(reader, Cursors(master))
        answers = dear_answers(reader, incident_list, cache, settings, wall_clock)
        warming = Warming(cache, answers)
        while not stop.is_set():
            await warming.round()
            await asyncio.sleep(_LOOK_EVERY_S)
