"""Personal data in events: sealed for one data subject before anything is written.

Every sealed field has a key of its own, HKDF-SHA256 (RFC 5869) of the subject's key, so that one
value can be disclosed without the rest and no nonce is ever used twice. The second half of the
derived bytes is stored as a commitment: AES-GCM alone does not bind a ciphertext to one key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar, cast
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import ConfigDict, GetCoreSchemaHandler
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic_core import core_schema, from_json, to_json

T = TypeVar("T")

_NONCE = bytes(12)  # each derived key seals exactly one value


class Clear(Generic[T]):
    """A value on its way to being sealed.

    A plain class on purpose: no serializer knows it, so that a clear value can never be written.
    """

    __slots__ = ("subject", "value")

    def __init__(self, subject: UUID, value: T) -> None:
        self.subject, self.value = subject, value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Clear):
            return NotImplemented
        told = cast("Clear[object]", other)
        return (self.subject, self.value) == (told.subject, told.value)

    def __hash__(self) -> int:
        return hash(self.subject)

    def __repr__(self) -> str:
        return f"Clear({self.subject})"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.is_instance_schema(Clear)


BASE64 = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")


@pydantic_dataclass(frozen=True, slots=True, config=BASE64)
class Sealed:
    """A sealed value as it is stored: 16 bytes of salt, ciphertext, 32 bytes of commitment."""

    subject: UUID
    salt: bytes
    sealed: bytes
    commitment: bytes


class _Stored:
    """What is stored is sealed: to try a clear value first took a sixth of decoding (measured)."""

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        either = handler(source)
        return core_schema.json_or_python_schema(handler.generate_schema(Sealed), either)


Personal = Annotated[Clear[T] | Sealed, _Stored]
"""A personal field of an event: `injured: Personal[str] | None`."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value was first written: it opens nowhere else."""

    tenant: UUID
    stream: UUID
    command: UUID
    field: str

    def info(self) -> bytes:
        ids = self.tenant.bytes + self.stream.bytes + self.command.bytes
        return ids + self.field.encode()


class CannotOpen(Exception):
    """The key, the place or the bytes are not those of the sealed value."""


def seal(clear: Clear[Any], subject_key: bytes, place: Place, *, salt: bytes) -> Sealed:
    """Seal a JSON value under a 32-byte subject key; `salt` is 16 fresh random bytes."""
    key, commitment = _derive(subject_key, salt, place)
    ciphertext = AESGCM(key).encrypt(_NONCE, to_json(clear.value), None)
    return Sealed(clear.subject, salt, ciphertext, commitment)


def unseal(sealed: Sealed, subject_key: bytes, place: Place) -> Any:
    """The value again.

    Raises: CannotOpen.
    """
    key, commitment = _derive(subject_key, sealed.salt, place)
    if commitment != sealed.commitment:
        raise CannotOpen
    try:
        return from_json(AESGCM(key).decrypt(_NONCE, sealed.sealed, None))
    except InvalidTag as error:
        raise CannotOpen from error


def _derive(subject_key: bytes, salt: bytes, place: Place) -> tuple[bytes, bytes]:
    derived = HKDF(SHA256(), length=64, salt=salt, info=place.info()).derive(subject_key)
    return derived[:32], derived[32:]


def travelling(sealed: Sealed, place: Place) -> dict[str, Any]:
    """A sealed value as it stands in documents: with its place, so that the rim can open it."""
    return {
        "subject": str(sealed.subject),
        "stream": str(place.stream),
        "command": str(place.command),
        "field": place.field,
        "salt": sealed.salt.hex(),
        "sealed": sealed.sealed.hex(),
        "commitment": sealed.commitment.hex(),
    }


def arrived(document: Mapping[str, Any], tenant: UUID) -> tuple[Sealed, Place]:
    """The reverse of `travelling`, in the tenant that the document belongs to."""
    fields = (bytes.fromhex(document[name]) for name in ("salt", "sealed", "commitment"))
    place = Place(tenant, UUID(document["stream"]), UUID(document["command"]), document["field"])
    return Sealed(UUID(document["subject"]), *fields), place
