"""The OpenAPI document: what the routes say of themselves, made one whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.answer_headers import HEADERS, say_which_headers_come
from api.examples import REFUSALS, give_examples
from api.links import link_records
from api.openapi import PERMISSION, PUBLIC
from api.problems import STATUS
from write_model.kernel.settings import Settings

_ID = {"type": "string", "format": "uuid"}
_RECORD = {"type": "string", "examples": ["0198f1a2-6c1e-7a30-9d2f-3b5f6f2c1a77", "INC-42"]}
_IN_PATHS: dict[str, tuple[str, dict[str, Any]]] = {
    "incidents/id": (
        "The incident: its id (a UUIDv7) or its human reference, such as INC-42.",
        _RECORD,
    ),
    "organizations/id": ("The organization's id (a UUIDv7), as an access token names it.", _ID),
    "stream": ("The record: its id (a UUIDv7) or its human reference, such as INC-42.", _RECORD),
    "task": ("The task's id (a UUIDv7), as the incident shows it under `tasks`.", _ID),
    "note": ("The note's id (a UUIDv7), as the incident shows it under `notes`.", _ID),
    "projection": ("What `GET /v1/admin/projections` calls it.", {"type": "string"}),
    "session": ("The sign-in's id, as `GET /v1/auth/sessions` shows it.", _ID),
    "key": ("The API key's id (a UUIDv7), as `GET /v1/api-keys` shows it.", _ID),
    "provider": ("The identity provider's id (a UUIDv7), as an administrator is shown it.", _ID),
    "member": ("The person's id (a UUIDv7), as the members are listed.", _ID),
}
"""Every name that stands in a path: the same everywhere, but for the id of a record."""

_OPERATOR = {"name": "Whoever operates this server"}
_LICENSE = "https://www.apache.org/licenses/LICENSE-2.0"
_TAGS = {
    "API keys": "What services ask with, instead of signing in.",
    "Events": "The log itself: every event that you may see, in its order.",
    "GraphQL": "Several reads in one request.",
    "Incidents": "Report, declare, work on, close and read incidents.",
    "Metrics": "Figures over incidents, by interval and group.",
    "Operating": "How the service is, and what an operator can do about it.",
    "Organizations": "What an organization sets for itself.",
    "People": "Members, their roles, and people who are only named.",
    "Signing in": "Access tokens, refresh tokens and passwords.",
}
"""Every tag that a route carries -> what is found under it."""

_PROBLEM = {
    "description": "Why the request was refused (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence that says what to do next."},
        "code": {"type": "string", "enum": sorted(STATUS), "description": "It never changes."},
        "instance": {"type": "string", "description": "The request's id."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "allowed": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The statuses in which it is possible; left out where none would help.",
        },
        "version": {"type": "integer", "description": "The version that the record has now."},
    },
}


def self_description(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document; definitions inside operations move to the components.

    Raises: KeyError for a route without a text, or a name in its path that nobody has described;
    ValueError when two definitions have one name.
    """
    found = get_openapi(
        title="Tallystick",
        version=app.version,
        description="Incidents on an event log that can be proven.",
        routes=app.routes,
    )
    found["info"] |= {
        "contact": app.contact or _OPERATOR,
        "license": {"name": "Apache-2.0", "url": _LICENSE},
    }
    found["servers"] = [{"url": "/", "description": "Where this document came from."}]
    found["tags"] = [{"name": name, "description": text} for name, text in _TAGS.items()]
    schemas: dict[str, Any] = {"Problem": _PROBLEM}
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            operation["operationId"] = _operation_id(method, path)
            _summarize(operation)
            _say_what_is_in_the_path(path, operation)
            _drop_the_frameworks_own_error(operation)
            _say_who_needs_no_token(operation)
            _say_what_the_server_refuses_itself(operation)
            for name, definition in _taken_out(operation):
                if schemas.setdefault(name, definition) != definition:
                    raise ValueError(f"Two definitions are named {name}.")
    refused, told = set[str](), set[str]()
    for operation in _operations(found):
        told |= say_which_headers_come(operation)
        refused |= give_examples(operation, schemas)
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    found["components"] = {
        "schemas": schemas,
        "headers": {name: HEADERS[name] for name in sorted(told)},
        "examples": {code: REFUSALS[code] for code in sorted(refused)},
        "links": link_records(found["paths"]),
        "securitySchemes": {"bearer": bearer},
    }
    found["security"] = [{"bearer": []}]
    return found


def contact(settings: Settings) -> dict[str, str]:
    """Whom the document names: every installation has an operator of its own."""
    reached_by = {"email": settings.contact_email, "url": settings.contact_url}
    return _OPERATOR | {name: value for name, value in reached_by.items() if value}


def _operations(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in found["paths"].values():
        yield from methods.values()


def _operation_id(method: str, path: str) -> str:
    """`POST /v1/incidents/{id}/tasks` -> `postIncidentsByIdTasks`: it changes with them only."""
    named = path.removeprefix("/v1").replace("{", "by-")
    return method + "".join(word.capitalize() for word in re.findall(r"[a-z]+", named or "map"))


def _summarize(operation: dict[str, Any]) -> None:
    """The first paragraph of its text."""
    first = operation["description"].partition("\n\n")[0]
    operation["summary"] = " ".join(first.split())


def _say_what_is_in_the_path(path: str, operation: dict[str, Any]) -> None:
    """A field of the body that the path gives is not asked for twice."""
    names = re.findall(r"{(\w+)}", path)
    others = [each for each in operation.get("parameters", ()) if each["in"] != "path"]
    operation["parameters"] = [*(_in_path(path, name) for name in names), *others]
    schema = _body(operation)
    for name in names:
        if schema.get("properties", {}).pop(name, None):
            schema["required"].remove(name)
            operation["requestBody"]["required"] = bool(schema["required"])


def _in_path(path: str, name: str) -> dict[str, Any]:
    collection = path.split("/")[2]
    text, schema = _IN_PATHS[f"{collection}/id" if name == "id" else name]
    return {"name": name, "in": "path", "required": True, "description": text, "schema": schema}


def _body(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    schema: dict[str, Any] = content.get("application/json", {}).get("schema", {})
    return schema


def _drop_the_frameworks_own_error(operation: dict[str, Any]) -> None:
    """What it refuses itself is answered with a problem document too."""
    operation["responses"].get("422", {}).get("content", {}).pop("application/json", None)


def _say_who_needs_no_token(operation: dict[str, Any]) -> None:
    if operation[PERMISSION] == PUBLIC:
        operation["security"] = []


def _say_what_the_server_refuses_itself(operation: dict[str, Any]) -> None:
    """Bytes that are no HTTP, or an address too long for it, never come as far as a route."""
    refused = operation["responses"].setdefault("400", {"description": "This is no HTTP."})
    refused.setdefault("content", {})["text/plain"] = {
        "schema": {"type": "string"},
        "example": "Invalid HTTP request received.",
    }


def _taken_out(content: object) -> Iterator[tuple[str, Any]]:
    """Every definition in it, each of which leaves its place."""
    if isinstance(content, dict):
        members = cast("dict[str, Any]", content)
        yield from members.pop("$defs", {}).items()
        for value in members.values():
            yield from _taken_out(value)
    elif isinstance(content, list):
        for value in cast("list[object]", content):
            yield from _taken_out(value)
