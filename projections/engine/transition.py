"""What one event did to its record: the documents before and after, and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import compress
from operator import is_not
from typing import Any, TypedDict, TypeGuard

import orjson
from pydantic_core import to_jsonable_python

from write_model.kernel.messages import Event, Recorded
from write_model.kernel.personal import Place, Sealed, travelling

_UNSHOWN = frozenset(
    {"id", "version", "updated_at", "first_acknowledged_at", "held_since", "held_seconds"}
)
"""They change with every event and say nothing about it, or follow from what else it changed."""

Change = TypedDict("Change", {"field": str, "from": Any, "to": Any})


@dataclass(slots=True)
class Transition:
    """`after` is None when no projection folds this kind of event, or its record is parked.

    `is_bare`: the event is told of without what it said.
    """

    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    recorded: Recorded
    is_bare: bool = False
    _item: bytes = b""

    def item(self) -> bytes:
        """The event as history shows it, in JSON, made once; sealed values travel sealed."""
        self._item = self._item or self._made()
        return self._item

    def _made(self) -> bytes:
        recorded = self.recorded
        item: dict[str, Any] = {
            "position": recorded.tenant_position,
            "version": recorded.version,
            "type": recorded.topic,
            "recorded_at": recorded.recorded_at,
            "occurred_at": recorded.occurred_at,
            "actor": recorded.actor,
            "source": recorded.source,
            "changes": self.changes(),
        }
        for name in () if self.is_bare else ("reason", "deviations", "imported"):
            if (value := getattr(recorded.event, name, None)) is not None:
                item[name] = value
        return orjson.dumps(item, option=orjson.OPT_UTC_Z)

    def changes(self) -> list[Change]:
        """Field by field; of a list only the items that are new, gone or different."""
        if self.after is None:
            return [] if self.is_bare else _said(self.recorded)
        after, before = self.after, self.before
        if before is None:
            said = ((name, value) for name, value in after.items() if name not in _UNSHOWN)
            return [change for name, value in said if value for change in _new(name, value)]
        # What an event did not touch is the same object as before.
        touched = compress(after, map(is_not, after.values(), map(before.get, after)))
        return [
            change
            for name in touched
            if name not in _UNSHOWN and (old := before.get(name)) != (new := after[name])
            for change in _differences(name, old, new)
        ]


def _new(name: str, value: Any) -> Iterator[Change]:
    return _differences(name, None, value)


def _differences(name: str, old: Any, new: Any) -> Iterator[Change]:
    if not _is_list(new):
        yield {"field": name, "from": old, "to": new}
        return
    known: list[Any] = old or []
    for index, item in enumerate(new):
        earlier = known[index] if index < len(known) else None
        if earlier is not item and earlier != item:
            yield {"field": name, "from": earlier, "to": item}


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _said(recorded: Recorded) -> list[Change]:
    return [
        {"field": name, "from": None, "to": to_jsonable_python(value)}
        for name, value in payload(recorded).items()
        if name not in ("imported", "deviations")
    ]


def payload(recorded: Recorded) -> dict[str, Any]:
    """The event's own fields that say something; sealed ones in travelling form."""
    event = recorded.event
    return {
        name: _shown(value, name, recorded)
        for name in _field_names(type(event))
        if (value := getattr(event, name)) is not None
    }


def _shown(value: Any, name: str, recorded: Recorded) -> Any:
    if isinstance(value, Sealed):
        place = Place(recorded.tenant, recorded.stream, recorded.command, name)
        return travelling(value, place)
    return value


def _field_names(event_class: type[Event]) -> tuple[str, ...]:
    return tuple(getattr(event_class, "__dataclass_fields__", ()))
