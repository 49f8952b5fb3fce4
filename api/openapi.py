"""What the API says of itself: texts, bodies and errors, taken from the classes that decide."""

from __future__ import annotations

import inspect
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.problems import MEDIA_TYPE, STATUS
from write_model.kernel.messages import Command

_RECEIPT = {
    "type": "object",
    "required": ["id", "reference", "version", "position"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "reference": {"type": ["string", "null"], "examples": ["INC-42"]},
        "version": {"type": "integer"},
        "position": {"type": "integer"},
    },
}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "enum": sorted(STATUS)},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "allowed": {"type": "array", "items": {"type": "string"}},
        "version": {"type": "integer"},
    },
}
_COMMAND_ERRORS = (400, 401, 403, 404, 409, 410, 412, 413, 415, 422, 428, 429, 503)
_QUERY_ERRORS = (400, 401, 403, 404, 410, 422, 503)

PERMISSION = "x-permission"
"""Where a route says which permission it needs; `""` where it needs none."""

PUBLIC = ""


def described(text: str) -> str:
    return inspect.cleandoc(text)


def describe_command(command: type[Command]) -> dict[str, Any]:
    """The OpenAPI operation of a command, but for its text."""
    return {
        PERMISSION: command.permission,
        "parameters": [
            IDEMPOTENCY_KEY,
            _header("If-Match", 'The version that you saw, such as "3".'),
        ],
        "requestBody": {
            "required": any(field.is_required() for field in command.model_fields.values()),
            "content": {"application/json": {"schema": _schema(command)}},
        },
        "responses": {
            **{str(status): _answer("What the command did.", _RECEIPT) for status in (200, 201)},
            **_problems(_COMMAND_ERRORS),
        },
    }


def describe_query(permission: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI operation of a question, but for its text."""
    return {
        PERMISSION: permission,
        "parameters": list(parameters),
        "responses": {
            "200": _answer("The answer.", {"type": "object"}),
            **_problems(_QUERY_ERRORS),
        },
    }


def parameter(name: str, text: str, kind: str = "string") -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": {"type": kind}}


def _header(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}


IDEMPOTENCY_KEY = _header("Idempotency-Key", "Makes it safe to send this request again.")


def _schema(command: type[Command]) -> dict[str, Any]:
    return command.model_json_schema(ref_template="#/components/schemas/{model}")


def _answer(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _problems(statuses: tuple[int, ...]) -> dict[str, Any]:
    return {
        str(status): {
            "description": ", ".join(
                sorted(code for code, known in STATUS.items() if known == status)
            ),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def self_description(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document; definitions inside command schemas move to the components."""
    found = get_openapi(
        title="Tallystick",
        version=app.version,
        description="Incidents on an event log that can be proven.",
        routes=app.routes,
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    found["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    found["security"] = [{"bearer": []}]
    for path in found["paths"].values():
        for operation in path.values():
            _hoist(operation, schemas)
    return found


def _hoist(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schemas.update(body.get("schema", {}).pop("$defs", {}))
