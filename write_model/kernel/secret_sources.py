"""Where the master secret lies; the standard library only, for the launcher asks too.

One line of base64: in the file `<home>/secrets`, in the environment, or the same in both.
"""

from __future__ import annotations

import base64
import hmac
from pathlib import Path

VARIABLE = "TALLYSTICK_SECRET"
"""The environment variable, for whom the secret must not lie beside the data."""

NEXT_VARIABLE = "TALLYSTICK_SECRET_NEXT"
"""The one that is to take its place, while it is being replaced."""

LENGTH = 32
"""Bytes: what the keys that derive from it have (RFC 5869, 3.3); twice as many are kept of one
that has followed another."""


class SecretRefused(ValueError):
    """The message says what to do, and never what the secret is."""


def secret_bytes(file: Path, given: str = "") -> bytes:
    """The master secret; `given`: what the environment says, empty for nothing.

    Raises: SecretRefused; FileNotFoundError when it is in neither place.
    """
    if not given:
        return _kept(file)
    secret = decoded(given, place=VARIABLE)
    if file.exists():
        _must_be_the_same(secret, file)
    return secret


def _must_be_the_same(given: bytes, file: Path) -> None:
    if not hmac.compare_digest(given, _kept(file)):
        raise SecretRefused(
            f"{VARIABLE} and {file} hold different secrets. "
            "Keep the one that the database was made with, and take the other away."
        )


def _kept(file: Path) -> bytes:
    # What is no text at all is refused as any other text, in the same words.
    return decoded(file.read_text("utf-8", errors="replace"), place=str(file))


def decoded(text: str, *, place: str) -> bytes:
    """URL-safe base64 or the plain one, with or without the padding. Raises: SecretRefused."""
    plain = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        value = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        value = b""
    if len(value) not in {LENGTH, 2 * LENGTH}:
        # Without the decoder's words or a chained error: they may hold some of the text.
        raise SecretRefused(
            f"{place} must hold {LENGTH} bytes in base64, or the {2 * LENGTH} that rotate-secret "
            "has made. Put the right secret there; for a new "
            'database make one with: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    return value
