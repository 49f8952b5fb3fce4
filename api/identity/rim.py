"""Opens personal values at the rim: inside, only sealed ones and subject ids travel."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from uuid import UUID

from pydantic import JsonValue
from pydantic_core import from_json, to_json

from api.identity.people import People
from write_model.kernel.access import Actor
from write_model.kernel.keyring import Keyring
from write_model.kernel.personal import arrived

Document = dict[str, JsonValue]

# Only they are parsed: a document is a hundred times as long, and that would be half of its read
# (measured). Nothing in a sealed value has braces, and in a text the quotes would be escaped.
_SEALED = re.compile(rb'\{[^{}]*"commitment":[^{}]*\}')

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
        values = [_travelling(match) for match in _SEALED.finditer(document)]
        sealed = [one for one in values if one is not None]
        if actor.may("incident.personal"):
            opened = await self._keyring.open_many([arrived(one, actor.tenant) for one in sealed])
            shown = [_shown(one, value) for one, value in zip(sealed, opened, strict=True)]
        else:
            shown = [{"subject": one["subject"]} for one in sealed]
        return _with(document, iter(shown))


def _shown(sealed: Document, value: JsonValue) -> JsonValue:
    return {"subject": sealed["subject"], "erased": True} if value is None else value


def _travelling(match: re.Match[bytes]) -> Document | None:
    """The sealed value, when it is one."""
    try:
        found: Document = from_json(match[0])
    except ValueError:  # part of something else, cut off at a brace in its text
        return None
    return found if found.keys() == _TRAVELLING else None


def _with(document: bytes, shown: Iterator[JsonValue]) -> bytes:
    """The document with these in place of its sealed values."""

    def replaced(match: re.Match[bytes]) -> bytes:
        return match[0] if _travelling(match) is None else to_json(next(shown))

    return _SEALED.sub(replaced, document)
