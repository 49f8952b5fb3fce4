"""One master secret, and the keys that derive from it by purpose.

Rotating or losing one purpose's key touches no other: each is HKDF-SHA256 (RFC 5869) of the
master under its own name. Role passwords use plain HMAC so that the launcher, which has the
standard library only, derives the same ones.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


@dataclass(frozen=True, slots=True)
class MasterSecret:
    """32 random bytes that lie outside the database."""

    value: bytes = field(repr=False)

    def key(self, purpose: str, key_id: int = 1) -> bytes:
        """The 32-byte key for one purpose, such as `tokens` or `cursors`."""
        info = f"tallystick/{purpose}/{key_id}".encode()
        return HKDF(SHA256(), length=32, salt=None, info=info).derive(self.value)

    def database_password(self, role: str) -> str:
        return hmac.new(self.value, f"tallystick/database/{role}".encode(), sha256).hexdigest()
