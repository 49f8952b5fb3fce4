"""What there is and how to ask for it: a map, the OpenAPI document, and a page to read."""

from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from pydantic_core import to_json

from api.answers.operating import Map
from api.description import self_description
from api.openapi import PERMISSION, PUBLIC, describe_public

router = APIRouter(tags=["Operating"])

_OPEN = {PERMISSION: PUBLIC}
_MAP = {
    "incidents": "/v1/incidents",
    "events": "/v1/events",
    "stream": "/v1/stream",
    "members": "/v1/members",
    "me": "/v1/me",
    "sign_in": "/v1/auth/token",
    "openapi": "/openapi.json",
    "docs": "/docs",
}
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Tallystick API</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
code {{ background: #f2f2f2; padding: .1em .3em }}
details {{ border-bottom: 1px solid #ddd; padding: .4rem 0 }}
pre {{ white-space: pre-wrap; margin: .5rem 0 }}
</style>
<h1>Tallystick API</h1>
<p>The whole description is at <a href="/openapi.json">/openapi.json</a>.</p>
{operations}
</html>
"""


@router.get("/v1", openapi_extra=describe_public(Map))
async def entrance() -> Response:
    """Where everything is."""
    return Response(to_json(_MAP), media_type="application/json")


@router.get("/openapi.json", include_in_schema=False, openapi_extra=_OPEN)
async def openapi(request: Request) -> Response:
    return Response(to_json(_description(request.app)), media_type="application/json")


@router.get("/docs", include_in_schema=False, openapi_extra=_OPEN)
async def docs(request: Request) -> Response:
    operations = "\n".join(
        _operation(method, path, operation)
        for path, operations in _description(request.app)["paths"].items()
        for method, operation in operations.items()
    )
    # Nothing on the page comes from elsewhere, and nothing on it runs.
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return Response(_PAGE.format(operations=operations), headers=headers, media_type="text/html")


def _description(app: FastAPI) -> dict[str, Any]:
    """Made once, and kept where the framework keeps it too."""
    if app.openapi_schema is None:
        app.openapi_schema = self_description(app)
    return app.openapi_schema


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    needs = operation.get(PERMISSION)
    text = escape(operation.get("description") or operation.get("summary", ""))
    asks = f"<p>Needs <code>{escape(needs)}</code>.</p>" if needs else ""
    head = f"<code>{method.upper()} {escape(path)}</code> {escape(operation.get('summary', ''))}"
    return f"<details><summary>{head}</summary><pre>{text}</pre>{asks}</details>"
