"""The one place where the api process is put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from api.budgets import Budgets
from api.deadlines import Deadlines
from api.following import Following
from api.identity.composition import identity
from api.identity.identity import Identity
from api.limits import Limits, sizes
from api.limits_set import LimitsSet
from api.measures import figures_of
from api.process import Process
from api.pushing.fan_out import FanOut
from api.pushing.teams import Teams
from api.pushing.tickets import Tickets
from api.questions import questions
from api.requests_seen import RequestsSeen
from api.siblings import Siblings
from api.supervising import supervised
from api.waking import Waking
from projections.push import Ring
from read_model.cache import open_cache
from read_model.reader import Reader, open_reader
from write_model.kernel.breached import breached_passwords
from write_model.kernel.settings import APP, Settings
from write_model.kernel.tokens import metrics_token
from write_model.opening import app_pool, opened

if TYPE_CHECKING:
    from write_model.kernel.tracing import Tracing

_DEAR_AT_ONCE = 4
"""Each of them can occupy a core of the database."""
_SLACK_S = 1.0
"""The log's own deadline comes first: it knows better what became of a command."""


@asynccontextmanager
async def running(
    settings: Settings, ring: Ring, budgets: Budgets, seen: RequestsSeen, tracing: Tracing | None
) -> AsyncGenerator[Process]:
    """The process while it runs; what was opened and begun for it ends with it, the last first."""
    async with AsyncExitStack() as stack:
        if tracing:
            stack.push_async_callback(asyncio.to_thread, tracing.close)
        parts = await stack.enter_async_context(opened(settings, tracing=tracing))
        kept = open_cache(settings.cache_url(), parts.master, parts.clock)
        cache = await stack.enter_async_context(kept)
        people = identity(
            parts.write_model,
            parts.pool,
            parts.keyring,
            parts.master,
            clock=parts.clock,
            ids=parts.ids,
            cache=cache,
            provider_networks=settings.identity_provider_networks,
            breached=breached_passwords(settings.breached_passwords),
        )
        reading, dear = [await stack.enter_async_context(reader) for reader in _readers(settings)]
        asked = questions(reading, dear, parts.master, cache, settings, parts.clock)
        teams = Teams(parts.write_model)
        # However many ask, nobody waits for their connections to learn what was taken away.
        tailing = await stack.enter_async_context(app_pool(settings, size=1))
        following = Following(
            tailing,
            people,
            parts.write_model,
            ring,
            settings,
            subscribers=budgets.streams,
            positions=asked.positions,
            teams=teams,
        )
        await following.begin()
        waking = Waking(settings.cache_url(), budgets.streams, following.look)
        stack.push_async_callback(waking.close)
        parts.write_model.log.on_commit = waking.committed
        fan_out = FanOut(ring, people.actors, teams)
        limits = Limits(sizes(settings), cache)
        taking_over = LimitsSet(parts.pool, limits)
        await taking_over.look()
        # What comes first here is done last: nothing is noted behind the last writing down.
        stack.push_async_callback(people.access_log.flush)
        for name, work in _beside_requests(following, waking, fan_out, people, taking_over):
            task = asyncio.create_task(supervised(work, name=name))
            stack.push_async_callback(_cancelled, task)
        stack.push_async_callback(people.on_record.finished)
        process = Process(
            settings,
            parts.pool,
            parts.write_model,
            asked,
            people,
            ring,
            fan_out,
            teams,
            Tickets(parts.master, cache, parts.clock),
            budgets,
            limits,
            seen,
            {
                "log": parts.pool,
                "reading": reading.pool,
                "dear-reading": dear.pool,
                "tail": tailing,
            },
            Siblings(settings.sockets(), wanted=settings.api_processes),
            Deadlines(settings.command_deadline_s + _SLACK_S),
            metrics_token(parts.master),
        )
        async with process.siblings.told(partial(figures_of, process)):
            yield process


def _readers(settings: Settings) -> tuple[AbstractAsyncContextManager[Reader], ...]:
    """One for most, one for what is dear: neither takes the other's connections."""
    conninfo = settings.conninfo(APP)
    return (
        open_reader(conninfo, timeout_s=settings.read_timeout_s),
        open_reader(conninfo, size=_DEAR_AT_ONCE, timeout_s=settings.dear_read_timeout_s),
    )


def _beside_requests(
    following: Following,
    waking: Waking,
    fan_out: FanOut,
    people: Identity,
    limits: LimitsSet,
) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
    yield "following the log", following.run
    yield "telling other processes", waking.tell
    yield "hearing other processes", waking.listen
    yield "watching the tail", following.watch
    yield "sending to subscribers", fan_out.run
    yield "watching subscribers", fan_out.watch
    yield "writing the access log", people.access_log.run
    yield "taking over limits", limits.run


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
