"""Cursors that clients carry and cannot read, change or use elsewhere.

AES-SIV (RFC 5297) seals them without a nonce; tenant, route and question are its associated data,
so that a cursor opens only for the question it was given out with.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from pydantic_core import from_json, to_json

from write_model.kernel.errors import Invalid, LogRestored
from write_model.kernel.secrets import MasterSecret


@dataclass(frozen=True, slots=True)
class Question:
    """What a cursor continues: any other filter, sort or version is another question."""

    tenant: UUID
    route: str
    asked: str
    version: int

    def bound(self) -> list[bytes]:
        return [self.tenant.bytes, self.route.encode(), self.asked.encode(), bytes([self.version])]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the last page ended: its last sort value as text, its last key, under which epoch.

    `position`: of the organization, as of which it was; None for the present.
    """

    epoch: int
    value: str
    key: str
    position: int | None = None


class Cursors:
    def __init__(self, master: MasterSecret) -> None:
        self._cipher = AESSIV(master.key("cursors"))

    def seal(self, question: Question, place: Place) -> str:
        plain = to_json([place.epoch, place.value, place.key, place.position])
        return base64.urlsafe_b64encode(self._cipher.encrypt(plain, question.bound())).decode()

    def open(self, question: Question, cursor: str) -> Place:
        """Raises: Invalid when it was not given out for this question."""
        try:
            sealed = base64.urlsafe_b64decode(cursor.encode())
            return Place(*from_json(self._cipher.decrypt(sealed, question.bound())))
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise Invalid(
                "This cursor belongs to another question; start again without it.", field="cursor"
            ) from error


def must_be_of(epoch: int, place: Place | None) -> None:
    """Raises: LogRestored when the page before was read from a log that has been replaced."""
    if place is not None and place.epoch != epoch:
        raise LogRestored
