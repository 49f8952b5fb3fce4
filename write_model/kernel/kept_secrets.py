"""Secrets that must be read again, so no hash will do: sealed by a key outside the database."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class KeptSecrets:
    """`key`: 32 bytes for one purpose, of the master secret."""

    key: bytes = field(repr=False)

    def seal(self, secret: bytes, owner: UUID) -> bytes:
        """AES-256-GCM; opens for the same owner only, so that no row can take another's place."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self.key).encrypt(nonce, secret, owner.bytes)

    def open(self, sealed: bytes, owner: UUID) -> bytes:
        """Raises: cryptography.exceptions.InvalidTag for what was not sealed here for the owner."""
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        return AESGCM(self.key).decrypt(nonce, ciphertext, owner.bytes)
