"""Every route as the OpenAPI document has it, ready to be asked for: nothing is listed by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from api.openapi import PERMISSION

_TOLD_APART = {"enum", "const"}


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: `example` is a body that it takes, `texts` the fields where words may stand.

    A text inside an object is spelled `outer.inner`.
    """

    method: str
    path: str
    permission: str
    headers: frozenset[str]
    query: tuple[str, ...]
    example: Mapping[str, Any]
    texts: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def places(self) -> tuple[str, ...]:
        """The names that stand in its address."""
        return tuple(re.findall(r"{(\w+)}", self.path))


def routes(document: Mapping[str, Any]) -> Iterator[Route]:
    """All of them, in the document's order."""
    schemas = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield _route(method.upper(), path, operation, schemas)


def _route(method: str, path: str, operation: Any, schemas: Any) -> Route:
    told = [(each["in"], each["name"]) for each in operation["parameters"]]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = body.get("schema", {})
    required = schema.get("required", ())
    example = {k: v for k, v in body.get("example", {}).items() if k in required}
    return Route(
        method,
        path,
        operation[PERMISSION],
        frozenset(name for place, name in told if place == "header"),
        tuple(name for place, name in told if place == "query"),
        example,
        tuple(_texts(schema, schemas)),
    )


def _texts(schema: Any, schemas: Any, outer: str = "") -> Iterator[str]:
    """Fields that take any text or id: choices and times name nothing."""
    for name, member in schema.get("properties", {}).items():
        for each in _alternatives(member, schemas):
            if each.get("type") == "object" and not outer:
                yield from _texts(each, schemas, f"{name}.")
            elif _takes_words(each):
                yield outer + name


def _alternatives(schema: Any, schemas: Any) -> Iterator[Any]:
    if "$ref" in schema:
        yield from _alternatives(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    elif "anyOf" in schema:
        for each in schema["anyOf"]:
            yield from _alternatives(each, schemas)
    else:
        yield schema


def _takes_words(schema: Mapping[str, Any]) -> bool:
    free = schema.get("format") in {None, "uuid", "email"}
    return schema.get("type") == "string" and free and not _TOLD_APART & schema.keys()
