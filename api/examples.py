"""Examples for the OpenAPI document, made from the schemas: always the forklift that leaks oil."""

from __future__ import annotations

from typing import Any, cast

from api.problems import MEDIA_TYPE, STATUS, example_problem

_UUID = "0198f1a2-6c1e-7a30-9d2f-3b5f6f2c1a77"
_BY_FORMAT = {
    "date-time": "2026-03-02T06:15:00Z",
    "date": "2026-03-02",
    "duration": "P7D",
    "uuid": _UUID,
    "uri": "https://example.com/forklift",
    "email": "ada@example.com",
}
_BY_NAME = {
    "title": "The forklift leaks oil",
    "description": "Under the mast",
    "team": "warehouse",
    "resolution": "Hose replaced",
    "reference": "INC-42",
    "name": "Ada Forklift",
    "email": "ada@example.com",
    "injured": "Siri Dahl",
    "impact": "One aisle is closed",
    "sha256": "0" * 64,
    "media_type": "image/jpeg",
    "object_key": "leak.jpg",
    "target": "https://example.com/forklift",
    "source": "watch",
    "source_key": "leak-1",
    "reason": "It drips again",
    "issuer": "https://login.harbor.example",
    "client_id": "tallystick",
    "redirect_addresses": "https://desk.harbor.example/signed-in",
    "code": "287082",
    "totp": "287082",
}
_TYPES: dict[str, Any] = {
    "string": "oil",
    "integer": 1,
    "number": 1.0,
    "boolean": True,
    "null": None,
}
_DEEPEST = 6

REFUSALS = {code: {"value": example_problem(code)} for code in STATUS}
"""What each code looks like, told once for all operations."""


def give_examples(operation: dict[str, Any], schemas: dict[str, Any]) -> set[str]:
    """One for the body and for each answer; of errors one for each code, which are returned."""
    refused = set[str]()
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body:
        body["example"] = example_of(body["schema"], schemas)
    for response in operation["responses"].values():
        content = response.get("content", {})
        if answer := content.get("application/json"):
            answer["example"] = example_of(answer["schema"], schemas)
        if refusal := content.get(MEDIA_TYPE):
            codes = [each for each in response["description"].split(", ") if each in STATUS]
            refused.update(codes)
            refusal["examples"] = {
                code: {"$ref": f"#/components/examples/{code}"} for code in codes
            }
    return refused


def example_of(
    schema: dict[str, Any], schemas: dict[str, Any], name: str = "", depth: int = 0
) -> Any:
    """A value that the schema allows; what may be left out is left out deep inside."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    for choices in ("anyOf", "oneOf"):
        if choices in schema:
            return example_of(schema[choices][0], schemas, name, depth)
    for given in ("examples", "enum"):
        if given in schema:
            return schema[given][0]
    if "const" in schema:
        return schema["const"]
    return _made(schema, schemas, name, depth)


def _made(schema: dict[str, Any], schemas: dict[str, Any], name: str, depth: int) -> Any:
    match schema.get("type"):
        case "object":
            return _object(schema, schemas, depth)
        case "array":
            item = example_of(schema.get("items", {}), schemas, name, depth + 1)
            return [item] if depth < _DEEPEST or schema.get("minItems") else []
        case "string":
            return _text(schema, name)
        case "integer" | "number" as kind:
            return schema.get("minimum", _TYPES[kind])
        case kind:
            return _TYPES.get(str(kind))


def _object(schema: dict[str, Any], schemas: dict[str, Any], depth: int) -> dict[str, Any]:
    properties, required = schema.get("properties", {}), schema.get("required", ())
    shown = [name for name in properties if name in required or depth < 2]
    made = {name: example_of(properties[name], schemas, name, depth + 1) for name in shown}
    if not properties and isinstance(others := schema.get("additionalProperties"), dict):
        key = str(
            example_of({"type": "string", **schema.get("propertyNames", {})}, schemas, "team")
        )
        made[key] = example_of(cast("dict[str, Any]", others), schemas, depth=depth + 1)
    return made


def _text(schema: dict[str, Any], name: str) -> str:
    if "format" in schema:
        return _BY_FORMAT.get(schema["format"], "oil")
    text = _BY_NAME.get(name, "oil")
    return text.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength", 1000)]
