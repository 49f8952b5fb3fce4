"""Wraps each person's key by one that derives from the master secret."""

from __future__ import annotations

import os
from functools import cache
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from write_model.kernel.secrets import MasterSecret

Owner = tuple[UUID, UUID]
"""(organization, subject)."""

_NONCE_BYTES = 12


class Wrapping:
    """AES-256-GCM; what it wraps opens for the same owner only. `key_id` names the secret."""

    def __init__(self, master: MasterSecret) -> None:
        self.key_id = master.key_id

        @cache
        def cipher(key_id: int) -> AESGCM:
            return AESGCM(master.key("subject-keys", key_id))

        self._cipher = cipher

    def wrap(self, owner: Owner, key: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher(self.key_id).encrypt(nonce, key, _bound_to(owner))

    def unwrap(self, owner: Owner, wrapped: bytes, key_id: int) -> bytes:
        """Raises: cryptography.exceptions.InvalidTag for what this secret has not wrapped."""
        nonce, ciphertext = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        return self._cipher(key_id).decrypt(nonce, ciphertext, _bound_to(owner))


def _bound_to(owner: Owner) -> bytes:
    tenant, subject = owner
    return tenant.bytes + subject.bytes
