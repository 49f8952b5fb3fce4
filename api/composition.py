"""The one place where the api process is put together."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI

from api import (
    access_log,
    dead_letters,
    documentation,
    events,
    figures,
    health,
    incident_actions,
    incident_document,
    incident_list,
    incident_timeline,
    incidents,
    metrics,
    organizations,
    projections_admin,
    stream,
)
from api.budgets import Budgets
from api.description import contact
from api.following import Following
from api.graphql import route as graphql
from api.guarding import allow_origins
from api.identity import (
    accepting,
    api_keys,
    auth,
    founding,
    invitations,
    inviting,
    me,
    members,
    named,
    reauthenticating,
    resetting,
    second_factors,
    sessions,
)
from api.identity.composition import identity
from api.identity.identity import Identity
from api.identity.oidc import linking, managing, proving, through_provider
from api.limits import Limits, sizes
from api.limits_set import LimitsSet
from api.measures import figures_of
from api.observing import Observed
from api.problems import explain_errors
from api.process import Process
from api.pushing.fan_out import FanOut
from api.pushing.teams import Teams
from api.pushing.tickets import Tickets
from api.questions import questions
from api.requests_seen import RequestsSeen
from api.routes import ByEnding
from api.siblings import Siblings
from api.supervising import supervised
from api.tracing import Traced
from api.waking import Waking
from projections.push import Ring
from read_model.cache import open_cache
from read_model.reader import Reader, open_reader
from write_model.kernel.breached import breached_passwords
from write_model.kernel.settings import APP, Settings
from write_model.kernel.tokens import metrics_token
from write_model.kernel.traced import tracing_if_wanted
from write_model.opening import opened

if TYPE_CHECKING:
    from write_model.kernel.tracing import Tracing

VERSION = "0.1.0"
_DEAR_AT_ONCE = 4
"""Each of them can occupy a core of the database."""

ROUTERS = (
    incident_list.router,
    incident_document.router,
    incident_timeline.router,
    incident_actions.router,
    incidents.router,
    figures.router,
    graphql.router,
    organizations.router,
    events.router,
    stream.router,
    auth.router,
    sessions.router,
    founding.router,
    inviting.router,
    invitations.router,
    accepting.router,
    resetting.router,
    reauthenticating.router,
    second_factors.router,
    through_provider.router,
    proving.router,
    managing.router,
    linking.router,
    me.router,
    members.router,
    named.router,
    api_keys.router,
    access_log.router,
    dead_letters.router,
    projections_admin.router,
    health.router,
    metrics.router,
    documentation.router,
)


def create_app(
    settings: Settings, *, ring: Ring | None = None, budgets: Budgets | None = None
) -> FastAPI:
    """The app; everything it needs is opened when it starts and closed when it ends."""
    budgets = budgets or Budgets()

    seen, tracing = RequestsSeen(), tracing_if_wanted(settings, "api")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        shared = ring or Ring(), budgets, seen
        async with _running(settings, *shared, tracing) as process:
            app.state.process, app.state.identity = process, process.identity
            yield

    app = FastAPI(
        title="Tallystick",
        version=VERSION,
        contact=contact(settings),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    # Known to the server before anything is opened.
    app.state.budgets = budgets
    app.state.is_public_by_tls = settings.public_url.startswith("https://")
    allow_origins(app, settings.allowed_origins)
    app.add_middleware(stream.Sockets)
    app.add_middleware(Observed, seen=seen)
    if tracing:
        app.add_middleware(Traced, tracing=tracing)
    explain_errors(app)
    # Not by `include_router`: a router inside a router is matched twice for every request.
    routes = [route for router in ROUTERS for route in router.routes]
    app.router.routes.extend((ByEnding(routes), *routes, stream.ROUTE))
    return app


@asynccontextmanager
async def _running(
    settings: Settings, ring: Ring, budgets: Budgets, seen: RequestsSeen, tracing: "Tracing | None"
) -> AsyncGenerator[Process]:
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
        following = Following(
            parts.pool,
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
        for name, work in _beside_requests(following, waking, fan_out, people, taking_over):
            task = asyncio.create_task(supervised(work, name=name))
            stack.push_async_callback(_cancelled, task)
        stack.push_async_callback(people.access_log.flush)
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
            {"log": parts.pool, "reading": reading.pool, "dear-reading": dear.pool},
            Siblings(settings.sockets(), wanted=settings.api_processes),
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
