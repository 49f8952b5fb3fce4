"""Where the master secret lies; the standard library only, for the launcher asks too.

One line of base64: in the file `<home>/secrets`, in the environment, or the same in both. What the
environment may say, a file that a vault has mounted may say as well.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "TALLYSTICK_SECRET"
"""The environment variable, for whom the secret must not lie beside the data."""

NEXT_VARIABLE = "TALLYSTICK_SECRET_NEXT"
"""The one that is to take its place, while it is being replaced."""

OF_THIS_RUN = "passwords"
"""The file beside the embedded servers' sockets, made anew at each start, of which derives what the
services say to them; as the master secret, one line of base64."""

MOUNTED = (VARIABLE, NEXT_VARIABLE, "DATABASE_URL", "REDIS_URL")
"""Variables with secrets in them: `<name>_FILE` names a file that holds the value instead."""

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
            f"{place} must hold {LENGTH} bytes in base64. Put the right secret there, of"
            f" {2 * LENGTH} bytes where rotate-secret has made it; for a new "
            'database make one with: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    return value


def with_mounted(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with what the named files hold, and without their names.

    Raises: SecretRefused.
    """
    filled = dict(environment)
    for name in MOUNTED:
        if file := filled.pop(f"{name}_FILE", ""):
            if filled.get(name):
                raise SecretRefused(f"Set {name} or {name}_FILE, not both of them.")
            filled[name] = _mounted(name, Path(file))
    return filled


def _mounted(name: str, file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        # Without the error's words: of a file that is no text they hold a part.
        raise SecretRefused(
            f"{name}_FILE names {file}, which cannot be read as text ({type(error).__name__})."
            " Mount it for the account that starts Tallystick."
        ) from None
