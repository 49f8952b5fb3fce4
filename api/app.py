"""The app: every route in its order, and what stands before all of them."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp

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
from api.composition import running
from api.description import contact
from api.graphql import route as graphql
from api.guarding import allowing_origins
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
from api.identity.oidc import linking, managing, proving, through_provider
from api.observing import Observed
from api.problems import explain_errors
from api.requests_seen import RequestsSeen
from api.routes import ByEnding
from api.tracing import Traced
from projections.push import Ring
from write_model.kernel.settings import Settings
from write_model.kernel.traced import tracing_if_wanted

VERSION = "0.1.0"

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
        async with running(settings, *shared, tracing) as process:
            app.state.process, app.state.identity = process, process.identity
            yield

    routes = [route for router in ROUTERS for route in router.routes]

    def before(framework: ASGIApp) -> ASGIApp:
        inner = allowing_origins(ByEnding(framework, routes), settings.allowed_origins)
        observed = Observed(stream.Sockets(inner), seen)
        return Traced(observed, tracing) if tracing else observed

    app = _App(
        before,
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
    explain_errors(app)
    # Not by `include_router`: a router inside a router is matched twice for every request.
    app.router.routes.extend((*routes, stream.ROUTE))
    return app


class _App(FastAPI):
    """Has what is `before` stand before the framework's own layers, three of which cost a request
    6 us and do nothing for it (measured).
    """

    def __init__(self, before: Callable[[ASGIApp], ASGIApp], **options: Any) -> None:
        super().__init__(**options)
        self._before = before

    def build_middleware_stack(self) -> ASGIApp:
        # `Observed` answers our own faults in the place of the outermost.
        outermost = super().build_middleware_stack()
        assert isinstance(outermost, ServerErrorMiddleware)
        return self._before(outermost.app)
