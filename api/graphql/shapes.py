"""GraphQL types, made from the classes that describe what REST answers."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from enum import Enum
from functools import cache
from inspect import cleandoc
from typing import Any, Literal, NewType, cast, get_args, get_origin
from uuid import UUID

import strawberry
from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

Long = NewType("Long", int)
Time = NewType("Time", str)


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("Give a whole number.")


SCALARS: dict[object, ScalarDefinition] = {
    Long: strawberry.scalar(
        name="Long",
        description="A whole number of at most 18 digits.",
        serialize=int,
        parse_value=_whole,
    ),
    Time: strawberry.scalar(
        name="DateTime",
        description="A time with its offset (RFC 3339).",
        serialize=str,
        parse_value=str,
    ),
}

_PLAIN: dict[object, object] = {
    AwareDatetime: Time,
    UUID: UUID,
    bool: bool,
    float: float,
    int: int,
    str: str,
}
_LARGE = frozenset({"number", "position", "size"})
"""May grow past GraphQL's own 32 bits."""

_SPELLED = dict[str, str]()
"""Field -> the member of the answer, where that is a word of Python's."""


def member(answer: Any, name: str) -> object:
    """How a field finds its value in what was told; None for what is not there."""
    return answer.get(_SPELLED.get(name, name))


@cache
def shape_of(model: type[BaseModel]) -> Any:
    """The GraphQL type of an answer, with the same names and texts."""
    members = dict[str, Any](__annotations__=dict[str, Any]())
    for name, field in model.model_fields.items():
        if field.alias:
            _SPELLED[name] = field.alias
        members["__annotations__"][name] = _kind_of(name, field)
        members[name] = strawberry.field(name=field.alias, description=_text(field))
    made = types.new_class(model.__name__, exec_body=lambda namespace: namespace.update(members))
    return strawberry.type(made, description=cleandoc(model.__doc__ or "") or None)


def _kind_of(name: str, field: FieldInfo) -> Any:
    if name in _LARGE:
        return Long
    found = _kind(field.annotation)
    return found if field.is_required() else found | None


def _kind(annotation: Any) -> Any:
    """What has no shape of its own, such as an object of any names, is any JSON."""
    arguments = get_args(annotation)
    match get_origin(annotation):
        case types.UnionType | typing.Union:
            return _either([each for each in arguments if each is not types.NoneType])
        case origin if origin is list:
            return _list_of(_kind(arguments[0]))
        case origin if origin is Literal:
            return cast("object", arguments[0]).__class__
        case _:
            return _one(annotation)


def _list_of(kind: Any) -> Any:
    return types.GenericAlias(list, (kind,))


def _either(kinds: list[Any]) -> Any:
    return (_kind(kinds[0]) if len(kinds) == 1 else JSON) | None


def _one(annotation: Any) -> Any:
    if annotation is Any:
        return JSON | None
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return shape_of(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return str
    return _PLAIN.get(cast("object", annotation), JSON)


def _text(field: FieldInfo) -> str | None:
    return " ".join(_said(field)) or None


def _said(field: FieldInfo) -> Iterator[str]:
    """Enumerations are told in words, so that their values are spelled as over REST."""
    if field.description:
        yield field.description
    for each in (field.annotation, *get_args(field.annotation)):
        if isinstance(each, type) and issubclass(each, Enum):
            yield f"One of {', '.join(str(choice.value) for choice in each)}."
