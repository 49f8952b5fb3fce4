"""Opens personal values at the rim: inside, only sealed ones and subject ids travel."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from uuid import UUID

from pydantic import JsonValue
from pydantic_core import from_json, to_json

from api.identity.people import People
from write_model.kernel.access import Actor
from write_model.kernel.keyring import Keyring
from write_model.kernel.personal import arrived

Document = dict[str, JsonValue]

_TRAVELLING = frozenset(("subject", "stream", "command", "field", "salt", "sealed", "commitment"))


class Rim:
    def __init__(self, people: People, keyring: Keyring) -> None:
        self._people, self._keyring = people, keyring

    async def with_names(self, document: bytes, tenant: UUID, subjects: Collection[UUID]) -> bytes:
        """The JSON object with `"people": {id: name}` as its last member; it is not parsed."""
        names = await self._people.names(tenant, subjects)
        people = to_json({str(subject): name for subject, name in names.items()})
        comma = b"" if document == b"{}" else b","
        return b'%b%b"people":%b}' % (document[:-1], comma, people)

    async def open_sealed(self, document: bytes, actor: Actor) -> bytes:
        """The JSON with clear values in place of sealed ones, for those who may see them.

        Others see `{"subject": id}`; of an erased person everybody sees `{"subject": id,
        "erased": true}`.
        """
        content = from_json(document)
        sealed = list(_sealed_values(content))
        if actor.may_within("incident.personal"):
            opened = await self._keyring.open_many([arrived(one, actor.tenant) for one in sealed])
            shown = [_shown(one, value) for one, value in zip(sealed, opened, strict=True)]
        else:
            shown = [{"subject": one["subject"]} for one in sealed]
        return to_json(_replaced(content, iter(shown)))


def _shown(sealed: Document, value: JsonValue) -> JsonValue:
    return {"subject": sealed["subject"], "erased": True} if value is None else value


def _sealed_values(content: JsonValue) -> Iterator[Document]:
    if isinstance(content, dict):
        if content.keys() == _TRAVELLING:
            yield content
        else:
            for value in content.values():
                yield from _sealed_values(value)
    elif isinstance(content, list):
        for value in content:
            yield from _sealed_values(value)


def _replaced(content: JsonValue, shown: Iterator[JsonValue]) -> JsonValue:
    if isinstance(content, dict):
        if content.keys() == _TRAVELLING:
            return next(shown)
        return {name: _replaced(value, shown) for name, value in content.items()}
    if isinstance(content, list):
        return [_replaced(value, shown) for value in content]
    return content
