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
from read_model.reader import open_reader
from write_model.kernel.clock import wall_clock
from write_model.kernel.errors import DomainError
from write_model.kernel.settings import APP, Settings

_LOOK_EVERY_S = 0.25
_EVERY_S = 1.0
"""As often at most for one organization, however fast its log grows."""
_PAUSES = 9
"""How many times as long as one turn took it rests, whosever the next is: a tenth of one core and
no more."""

_RETRY_S = 1.0

_log = structlog.get_logger("warming")


class Warming:
    """Takes the organizations of which something was asked lately in turn."""

    def __init__(self, cache: Cache, answers: DearAnswers) -> None:
        self._cache, self._answers = cache, answers
        self._next_s: dict[UUID, float] = {}

    async def turn(self) -> float:
        """Compute what is missing for one whose time has come; how many seconds to rest then."""
        began_s = time.monotonic()
        organizations = await self._cache.organizations()
        self._next_s = {tenant: self._next_s.get(tenant, 0.0) for tenant in organizations}
        tenant = min(organizations, key=self._next_s.__getitem__, default=None)
        if tenant is None or self._next_s[tenant] > began_s:
            return _LOOK_EVERY_S
        self._next_s[tenant] = began_s + _EVERY_S
        await self._warm(tenant)
        return _PAUSES * (time.monotonic() - began_s)

    async def _warm(self, tenant: UUID) -> None:
        standing: str | None = None
        for text in await self._cache.questions(tenant):
            try:
                standing = await self._answers.warm(tenant, DearQuestion.read(text), standing)
            except (DomainError, psycopg.Error, PoolTimeout) as error:
                standing = None
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
        open_reader(
            settings.conninfo(APP), size=1, timeout_s=settings.dear_read_timeout_s
        ) as reader,
        open_cache(settings.cache_url(), master, wall_clock) as cache,
    ):
        incident_list = IncidentList(reader, Cursors(master))
        answers = dear_answers(reader, incident_list, cache, settings, wall_clock)
        warming = Warming(cache, answers)
        while not await asyncio.to_thread(stop.wait, await warming.turn()):
            pass
