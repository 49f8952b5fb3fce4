"""The one place where the api process is put together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
import asyncio

from fastapi import FastAPI

from api import documentation, health, incidents, stream
from api.budgets import Budgets
from api.following import Following
from api.identity import auth, members
from api.identity.identity import identity
from api.observing import Observed
from api.problems import explain_errors
from api.process import Process
from projections.push import Ring
from write_model.kernel.settings import Settings
from write_model.opening import opened

VERSION = "0.1.0"


def create_app(settings: Settings, *, ring: Ring | None = None, budgets: Budgets | None = None) -> FastAPI:
    """The app; everything it needs is opened when it starts and closed when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _running(settings, ring or Ring(), budgets or Budgets()) as process:
            app.state.process, app.state.identity = process, process.identity
            yield

    app = FastAPI(
        title="Tallystick",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(Observed, access_log=settings.environment == "development")
    explain_errors(app)
    for module in (health, auth, members, incidents, stream, documentation):
        app.include_router(module.router)
    return app


@asynccontextmanager
async def _running(settings: Settings, ring: Ring, budgets: Budgets) -> AsyncIterator[Process]:
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(opened(settings))
        people = identity(
            parts.write_model,
            parts.pool,
            parts.keyring,
            parts.master,
            clock=parts.clock,
            ids=parts.ids,
        )
        following = Following(parts.pool, people, ring, settings)
        await following.begin()
        for work in (following.run(), following.watch(), following.wake(), people.access_log.run()):
            stack.push_async_callback(_cancelled, asyncio.create_task(work))
        stack.push_async_callback(people.access_log.flush)
        process = Process(settings, parts.pool, parts.write_model, people, ring, budgets)
        stack.callback(process.drain)
        yield process


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
