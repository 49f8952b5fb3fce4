"""One master secret, and the keys that derive from it by purpose.

Rotating or losing one purpose's key touches no other: each is HKDF-SHA256 (RFC 5869) of the
master under its own name. Role passwords use plain HMAC so that the launcher, which has the
standard library only, derives the same ones.
"""

from __future__ import annotations

import base64
import hmac
import os
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from write_model.kernel.secret_sources import LENGTH

_LASTING = frozenset(
    {"api_keys", "first-organization", "linked_subjects", "people", "recovery_codes"}
)
"""Purposes whose results cannot be made anew: what they were made of is kept nowhere."""


@dataclass(frozen=True, slots=True)
class MasterSecret:
    """32 random bytes that lie outside the database.

    `inherited`: 32 more from the secret before, of which the lasting keys derive; empty for the
    first one.
    """

    value: bytes = field(repr=False)
    inherited: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, secret: bytes) -> MasterSecret:
        """As it is written down: 32 bytes, or 64 of one that has followed another."""
        return cls(secret[:LENGTH], secret[LENGTH:])

    def successor(self) -> MasterSecret:
        """Another one, by which all that this one's lasting keys have made is known again."""
        return MasterSecret(os.urandom(LENGTH), self._lasting())

    def follows(self, before: MasterSecret) -> bool:
        """Whether it is another one that carries the lasting keys of `before` on."""
        return self.value != before.value and self.inherited == before._lasting()

    def text(self) -> str:
        return base64.urlsafe_b64encode(self.value + self.inherited).decode()

    def key(self, purpose: str, key_id: int = 1) -> bytes:
        """The 32-byte key for one purpose, such as `tokens` or `cursors`."""
        root = self._lasting() if purpose in _LASTING else self.value
        return _derived(root, purpose, key_id)

    @property
    def key_id(self) -> int:
        """Names the secret beside what it has wrapped, and tells nothing of it; 31 bits."""
        return int.from_bytes(self.key("key-id")[:4]) >> 1

    @property
    def mark(self) -> bytes:
        """By which the database knows its own master secret, all of it."""
        return _derived(self.value + self.inherited, "mark", 1)

    def database_password(self, role: str) -> str:
        return hmac.new(self.value, f"tallystick/database/{role}".encode(), sha256).hexdigest()

    def _lasting(self) -> bytes:
        return self.inherited or _derived(self.value, "lasting", 1)


def _derived(root: bytes, purpose: str, key_id: int) -> bytes:
    info = f"tallystick/{purpose}/{key_id}".encode()
    return HKDF(SHA256(), length=32, salt=None, info=info).derive(root)
