"""Finds an e-mail address without keeping it: equal addresses give equal, unguessable bytes."""

from __future__ import annotations

import hmac
import unicodedata
from hashlib import sha256

from write_model.kernel.secrets import MasterSecret


class BlindIndex:
    def __init__(self, master: MasterSecret) -> None:
        self._key = master.key("blind-index")

    def of(self, email: str) -> bytes:
        """32 bytes: HMAC-SHA256 of the normalized address."""
        return hmac.digest(self._key, normalized(email).encode(), sha256)


def normalized(email: str) -> str:
    """Spelt the one way that look-ups use: NFKC, casefold, no space around."""
    return unicodedata.normalize("NFKC", email).casefold().strip()
