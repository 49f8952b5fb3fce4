"""What is pushed, described for machines: AsyncAPI 3, from the classes that say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from api.answers.pushed import GoingOn, Pushed, TokenTaken

_REF = "#/components/schemas/{model}"
_Models = Mapping[str, type[BaseModel]]

_TOLD: _Models = {"happened": Pushed, "tokenTaken": TokenTaken}
_HEARD: _Models = {"accessToken": GoingOn}
_ADDRESS = "/v1/stream"

_ABOUT = (
    "What happens in an organization, as it is recorded: over a WebSocket, or as server-sent events"
    " at the same address. Without `after` it begins now. The close code or the last event says why"
    " it ends, with the position to resume after: 1008 the token ran out or the right is gone, 1012"
    " connect again, 1013 too slow, 1014 the log is out of reach of this process: connect again for"
    " another one. Each event comes once and in order, whichever process is asked."
)
_QUERY = {
    "after": ("integer", "The position to go on after; 0 for the beginning."),
    "epoch": ("integer", "The one that came with `after`: 410 if it was lost since."),
    "topics": ("string", "At most 50, such as `incidents,incidents:INC-42,members`."),
    "ticket": ("string", "In place of a token, from `POST /v1/stream/tickets`; good once."),
}


def asyncapi(version: str) -> dict[str, Any]:
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Tallystick", "version": version, "description": _ABOUT},
        "defaultContentType": "application/json",
        "channels": {"stream": _channel()},
        "operations": {
            "tell": _operation("send", _TOLD, "What happens, in the order of the log."),
            "goOn": _operation("receive", _HEARD, "A WebSocket goes on with another token."),
        },
        "components": {
            "messages": {name: _message(name, model) for name, model in _every().items()},
            "schemas": _schemas(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "ticket": {"type": "httpApiKey", "name": "ticket", "in": "query"},
            },
        },
    }


def _every() -> _Models:
    return {**_TOLD, **_HEARD}


def _channel() -> dict[str, Any]:
    parameters = {
        name: {"type": kind, "description": text} for name, (kind, text) in _QUERY.items()
    }
    query = {"type": "object", "properties": parameters}
    return {
        "address": _ADDRESS,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _every()},
        "bindings": {"ws": {"method": "GET", "query": query, "bindingVersion": "0.1.0"}},
    }


def _operation(action: str, messages: _Models, summary: str) -> dict[str, Any]:
    schemes = ({"$ref": f"#/components/securitySchemes/{name}"} for name in ("token", "ticket"))
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": "#/channels/stream"},
        "messages": [{"$ref": f"#/channels/stream/messages/{name}"} for name in messages],
        "security": list(schemes),
    }


def _message(name: str, model: type[BaseModel]) -> dict[str, Any]:
    return {
        "name": name,
        "summary": (model.__doc__ or "").strip(),
        "payload": {"$ref": _REF.format(model=model.__name__)},
    }


def _schemas() -> dict[str, Any]:
    return {
        model.__name__: model.model_json_schema(ref_template=_REF) for model in _every().values()
    }
