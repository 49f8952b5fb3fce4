"""Whether an answer is as the description says: nothing missing, and nothing left unsaid."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
from pydantic_core import from_json

from api.problems import MEDIA_TYPE

Schema = Mapping[str, Any]

_TYPES: dict[str, type] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "null": type(None),
}
_FORMATS = {
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    # Of all that RFC 3339 allows, what the API writes: in UTC.
    "date-time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z"),
}
_SAYS_NOTHING = {"title", "description", "examples"}
_KNOWN = {
    "$ref",
    "additionalProperties",
    "anyOf",
    "const",
    "enum",
    "format",
    "items",
    "properties",
    "propertyNames",
    "required",
    "type",
    *_SAYS_NOTHING,
}


def faults(value: Any, schema: Schema, schemas: Schema, at: str = "$") -> Iterator[str]:
    """Where the value is not as the schema says; `at` is the place of the value.

    Stricter than JSON Schema: what is not described must not be there, and a keyword that this
    does not know is a fault, so that nothing passes unlooked at.
    """
    yield from (f"{at}: unknown keyword {keyword}" for keyword in schema.keys() - _KNOWN)
    if "$ref" in schema:
        yield from faults(value, schemas[schema["$ref"].rpartition("/")[2]], schemas, at)
    if "anyOf" in schema:
        tried = [list(faults(value, each, schemas, at)) for each in schema["anyOf"]]
        if all(tried):
            yield f"{at}: none of {tried}"
    if not _is_of(value, schema):
        yield f"{at}: {value!r} is no {schema}"
    elif isinstance(value, dict):
        yield from _in_object(value, schema, schemas, at)
    elif isinstance(value, list):
        yield from _in_list(value, schema, schemas, at)


def _in_list(value: Any, schema: Schema, schemas: Schema, at: str) -> Iterator[str]:
    for index, item in enumerate(value):
        yield from faults(item, schema.get("items", {}), schemas, f"{at}[{index}]")


def _in_object(value: Any, schema: Schema, schemas: Schema, at: str) -> Iterator[str]:
    if schema.get("type") != "object":
        return
    described, others = schema.get("properties", {}), schema.get("additionalProperties")
    yield from (f"{at}.{name} is missing" for name in schema.get("required", ()) - value.keys())
    names = schema.get("propertyNames", {})
    for name, member in value.items():
        yield from faults(name, names, schemas, f"{at}.{name}")
        if (known := described.get(name, others)) is None:
            yield f"{at}.{name} is not described"
        else:
            yield from faults(member, known, schemas, f"{at}.{name}")


def _is_of(value: Any, schema: Schema) -> bool:
    # By its own type: to Python a boolean is an integer too.
    return bool(
        ("type" not in schema or type(value) is _TYPES[schema["type"]])
        and ("const" not in schema or value == schema["const"])
        and ("enum" not in schema or value in schema["enum"])
        and ("format" not in schema or _FORMATS[schema["format"]].fullmatch(value))
    )


def operation_of(method: str, path: str, paths: Schema) -> tuple[str, Schema]:
    """The described path that an address belongs to, and what it says of the method."""
    for described in sorted(paths, key=lambda each: each.count("{")):
        if method in paths[described] and re.fullmatch(re.sub(r"{\w+}", "[^/]+", described), path):
            return described, paths[described][method]
    raise LookupError(f"{method} {path} is not described.")


class Described:
    """Holds every answer that a client gets against the description of its operation."""

    def __init__(self, description: dict[str, Any]) -> None:
        self.paths = description["paths"]
        self.schemas = description["components"]["schemas"]
        self.answered = set[tuple[str, str, str]]()

    async def holds(self, answer: httpx2.Response) -> None:
        await answer.aread()
        method, path = answer.request.method.lower(), answer.request.url.path
        described, operation = operation_of(method, path, self.paths)
        status = str(answer.status_code)
        assert status in operation["responses"], f"{method} {described} may not answer {status}"
        self.answered.add((method, described, status))
        if content := operation["responses"][status].get("content"):
            body = content[answer.headers["Content-Type"].partition(";")[0]]
            said = from_json(answer.content)
            assert list(faults(said, body["schema"], self.schemas)) == [], path
            if MEDIA_TYPE in content:
                codes = operation["responses"][status]["description"].split(", ")
                assert said["code"] in codes, f"{method} {described} may not answer {said['code']}"

    def accepted(self) -> set[tuple[str, str, str]]:
        """All that the description promises to whoever asks for something that can be done."""
        return {
            (method, path, status)
            for path, operations in self.paths.items()
            for method, operation in operations.items()
            for status in operation["responses"]
            if status < "300"
        }
