"""What a schema asks for or tells, one line a field, for people to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic_core import to_json

Schema = Mapping[str, Any]


class Field(NamedTuple):
    """`name`: with its place, as in `items[].id`, or `facets.*` for names that vary."""

    name: str
    kind: str
    required: bool
    text: str


def fields(schema: Schema, schemas: Schema, place: str = "") -> Iterator[Field]:
    """Every field in the order of the schema, each before those inside it."""
    match schema:
        case {"$ref": reference}:
            yield from fields(_named(reference, schemas), schemas, place)
        case {"anyOf": several}:
            for each in several:
                yield from fields(each, schemas, place)
        case {"items": items}:
            yield from fields(items, schemas, f"{place}[]")
        case {"properties": properties}:
            required = schema.get("required", ())
            for name, each in properties.items():
                inside = f"{place}.{name}".removeprefix(".")
                text = each.get("description", "")
                yield Field(inside, kind(each, schemas), name in required, text)
                yield from fields(each, schemas, inside)
        case {"additionalProperties": others} if not isinstance(others, bool):
            yield from fields(others, schemas, f"{place}.*".removeprefix("."))
        case _:
            return


def kind(schema: Schema, schemas: Schema) -> str:
    """What a value is, in words."""
    match schema:
        case {"$ref": reference}:
            return kind(_named(reference, schemas), schemas)
        case {"anyOf": several}:
            return " or ".join(kind(each, schemas) for each in several)
        case {"const": value}:
            return f"always {to_json(value).decode()}"
        case {"enum": values}:
            return f"one of {', '.join(values)}"
        case {"items": items}:
            return f"list: {kind(items, schemas)}"
        case {"additionalProperties": others} if not isinstance(others, bool):
            return f"object of any names: {kind(others, schemas)}"
        case _:
            return _simple(schema)


def _simple(schema: Schema) -> str:
    format_, most = schema.get("format"), schema.get("maxLength")
    said = [f"({format_})"] * bool(format_) + [f"of at most {most} characters"] * bool(most)
    return " ".join([schema.get("type", "anything"), *said])


def _named(reference: str, schemas: Schema) -> Schema:
    found: Schema = schemas[reference.rpartition("/")[2]]
    return found
