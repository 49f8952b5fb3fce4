"""What is said of the pushes is what is pushed, and hangs together."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any, cast

from api.answers.pushed import Pushed
from api.asyncapi import asyncapi
from projections.push import message
from tests.api.serving import Served, told
from tests.projections.test_push import leak


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            if name == "$ref":
                yield inner
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:  # pyright: ignore[reportUnknownVariableType]
            yield from references(inner)


async def test_everybody_may_read_it_and_the_map_names_it(served: Served) -> None:
    document = told(await served.http.get("/asyncapi.json"))
    assert document["asyncapi"] == "3.0.0"
    assert told(await served.http.get("/v1"))["asyncapi"] == "/asyncapi.json"


def test_whatever_it_refers_to_is_there() -> None:
    document = asyncapi("1")
    for reference in references(document):
        steps = reference.removeprefix("#/").split("/")
        found = reduce(lambda value, step: value[step], steps, document)
        assert found, reference


def test_every_message_and_field_says_what_it_is() -> None:
    components = asyncapi("1")["components"]
    assert all(each["summary"] for each in components["messages"].values())
    used = {each["$ref"] for each in asyncapi("1")["channels"]["stream"]["messages"].values()}
    assert used == {f"#/components/messages/{name}" for name in components["messages"]}


def test_a_message_is_as_it_is_described() -> None:
    pushed = Pushed.model_validate_json(message(leak(1)).text)
    assert Pushed.model_fields.keys() == pushed.model_fields_set
