"""What there is and how to ask for it: a map, the OpenAPI document, and a page to read."""

import re
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from pydantic_core import to_json
from starlette.routing import Route, WebSocketRoute

from api.answers.operating import Map
from api.asyncapi import asyncapi
from api.description import self_description
from api.openapi import PERMISSION, PUBLIC, describe_public
from api.packing import Packed
from api.page import page

router = APIRouter(tags=["Operating"])

_OPEN = {PERMISSION: PUBLIC}
_BESIDE = {
    "sign_in": "/v1/auth/token",
    "openapi": "/openapi.json",
    "asyncapi": "/asyncapi.json",
    "docs": "/docs",
}
# Nothing on the page comes from elsewhere, and nothing on it runs.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"


@router.get("/v1", openapi_extra=describe_public(Map))
async def entrance(request: Request) -> Response:
    """Where everything is: what can be read without naming a record, and how to sign in."""
    there = dict(_readable(request.app)) | _BESIDE
    return Response(to_json(there), media_type="application/json")


def _readable(app: FastAPI) -> Iterator[tuple[str, str]]:
    """`/v1/auth/sessions` is called auth_sessions."""
    for route in app.routes:
        if isinstance(route, WebSocketRoute) or (
            isinstance(route, Route) and "GET" in (route.methods or ())
        ):
            name = re.sub(r"[/-]", "_", route.path.removeprefix("/v1/"))
            if route.path.startswith("/v1/") and "{" not in name:
                yield name, route.path


@router.get("/openapi.json", include_in_schema=False, openapi_extra=_OPEN)
async def openapi(request: Request) -> Response:
    return Packed(to_json(_description(request.app)), media_type="application/json")


@router.get("/asyncapi.json", include_in_schema=False, openapi_extra=_OPEN)
async def pushes(request: Request) -> Response:
    return Packed(to_json(asyncapi(request.app.version)), media_type="application/json")


@router.get("/docs", include_in_schema=False, openapi_extra=_OPEN)
async def docs(request: Request) -> Response:
    headers = {"Content-Security-Policy": _POLICY}
    return Packed(page(_description(request.app)), headers=headers, media_type="text/html")


def _description(app: FastAPI) -> dict[str, Any]:
    """Made once, and kept where the framework keeps it too."""
    if app.openapi_schema is None:
        app.openapi_schema = self_description(app)
    return app.openapi_schema
