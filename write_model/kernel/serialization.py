"""Events to stored bytes and back, by topic and schema version."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import from_json

from write_model.kernel.messages import REGISTRY, UPCASTERS, Event


class UnknownTopic(Exception):
    """The log holds a topic that this process does not know: it is older than the log."""


def encode(event: Event) -> bytes:
    """Compact JSON without nulls: an absent field and a null are the same."""
    # Past the adapter's own method, whose arguments cost as much as the writing (measured).
    return _adapter(type(event)).serializer.to_json(event, exclude_none=True)


def decode(topic: str, schema_version: int, state: bytes) -> Event:
    """The event, brought up to the present schema when it was stored under an older one.

    Raises: UnknownTopic; ValueError for bytes that are not this event, mostly pydantic's.
    """
    return decoder(topic, schema_version)(state)


def decoder(topic: str, schema_version: int) -> Callable[[bytes], Event]:
    """What decodes one kind of event: who reads many asks once. Raises: UnknownTopic."""
    known = REGISTRY.get(topic)
    if known is None:
        raise UnknownTopic(topic)
    if schema_version == known.schema_version:
        return _adapter(known).validator.validate_json
    return partial(_decode_older, topic, schema_version, known)


def decode_all(topic: str, schema_version: int, states: bytes) -> list[Event]:
    """The events of one kind, from the elements of a JSON array; in fewer calls than one each.

    Raises: UnknownTopic; ValueError when one of them is not this event. Which, is not told.
    """
    known = REGISTRY.get(topic)
    if known is None:
        raise UnknownTopic(topic)
    if schema_version == known.schema_version:
        events: list[Event] = _list_adapter(known).validator.validate_json(states)
        return events
    return [
        _adapter(known).validate_python(_brought_up(topic, schema_version, known, fields))
        for fields in from_json(states)
    ]


def _decode_older(topic: str, version: int, known: type[Event], state: bytes) -> Event:
    return _adapter(known).validate_python(_brought_up(topic, version, known, from_json(state)))


def _brought_up(
    topic: str, version: int, known: type[Event], fields: dict[str, Any]
) -> dict[str, Any]:
    for older in range(version, known.schema_version):
        try:
            fields = UPCASTERS[topic, older](fields)
        except Exception as error:  # whatever stands there, it is not what that schema promised
            raise ValueError(f"This is no {topic} of schema {older}.") from error
    return fields


_ADAPTERS: dict[type[Event], TypeAdapter[Event]] = {}
_LIST_ADAPTERS: dict[type[Event], TypeAdapter[list[Event]]] = {}


def _adapter(known: type[Event]) -> TypeAdapter[Event]:
    adapter = _ADAPTERS.get(known)
    return adapter or _ADAPTERS.setdefault(known, TypeAdapter(known))


def _list_adapter(known: type[Event]) -> TypeAdapter[list[Event]]:
    adapter = _LIST_ADAPTERS.get(known)
    return adapter or _LIST_ADAPTERS.setdefault(known, TypeAdapter(list[known]))  # type: ignore[valid-type]  # a class known at run time
