"""Codes that are good once: an authenticator app's (RFC 6238), or of a list kept in a drawer."""

from __future__ import annotations

import base64
import hmac
import os
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from pyotp.totp import TOTP

RECOVERY_CODES = 10
_SECRET_BYTES = 20
"""RFC 4226 4: as long as the hash."""
_RECOVERY_BYTES = 10
_STEP_S = 30
_DRIFT_STEPS = 1
"""RFC 6238 5.2: one step for a slow clock or a slow thumb."""


def new_secret() -> bytes:
    return os.urandom(_SECRET_BYTES)


def spelled(secret: bytes) -> str:
    """As an app takes it by hand."""
    return base64.b32encode(secret).decode()


def enrolment_uri(secret: bytes, name: str) -> str:
    """What an app reads from a QR code."""
    return _totp(secret).provisioning_uri(name=name, issuer_name="Tallystick")


def step_of(secret: bytes, code: str, now: datetime) -> int | None:
    """The time step whose code it is, of those that are near enough; None for no such code."""
    present = int(now.timestamp()) // _STEP_S
    totp = _totp(secret)
    near = range(present - _DRIFT_STEPS, present + _DRIFT_STEPS + 1)
    # All are looked at, so that the time taken says nothing.
    found = [step for step in near if _are_equal(totp.generate_otp(step), code)]
    return found[-1] if found else None


def recovery_codes() -> list[str]:
    """Eighty random bits each, in groups that can be written down."""
    codes = (base64.b32encode(os.urandom(_RECOVERY_BYTES)) for _ in range(RECOVERY_CODES))
    return [_grouped(code.decode().lower()) for code in codes]


def code_hash(key: bytes, user: UUID, code: str) -> bytes:
    """Keyed, so that a stolen table alone is good for nothing."""
    return hmac.digest(key, user.bytes + compact(code).encode(), sha256)


def compact(code: str) -> str:
    """A code however it was spaced."""
    return code.replace(" ", "").replace("-", "").lower()


def _grouped(code: str) -> str:
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def _totp(secret: bytes) -> TOTP:
    return TOTP(spelled(secret), interval=_STEP_S)


def _are_equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
