"""No command takes in text that the database cannot keep."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from write_model.kernel.messages import Command

for aggregate in ("incident", "membership", "organization", "user"):
    importlib.import_module(f"write_model.{aggregate}.commands")


def _commands(above: type[Command] = Command) -> Iterator[type[Command]]:
    for below in above.__subclasses__():
        if below.__module__.startswith("write_model."):
            yield below
            yield from _commands(below)


def _texts() -> Iterator[Any]:
    for command in _commands():
        for name, field in command.model_fields.items():
            if field.annotation is str or str in _unwrapped(field.annotation):
                yield pytest.param(command, name, id=f"{command.__name__}.{name}")


def _unwrapped(annotation: Any) -> set[Any]:
    """What a union is made of, without the constraints on each."""
    return {getattr(part, "__origin__", part) for part in get_args(annotation)}


@pytest.mark.parametrize("bad", ["a\u0000b", "a@b\u0000", "a\ud800b"])
@pytest.mark.parametrize(("command", "name"), list(_texts()))
def test_no_text_of_a_command_holds_what_cannot_be_stored(
    command: type[Command], name: str, bad: str
) -> None:
    with pytest.raises(ValidationError) as refusal:
        command.model_validate({name: bad})
    assert name in {error["loc"][0] for error in refusal.value.errors()}


def test_texts_are_looked_for_where_they_are() -> None:
    found = {param.id for param in _texts()}
    assert {"RegisterUser.email", "SuspendMember.reason", "FoundOrganization.name"} <= found
