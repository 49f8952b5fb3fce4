"""Access tokens: signed statements of who somebody is, good for ten minutes (RFC 9068)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt

from write_model.kernel.access import PROVEN_FOR
from write_model.kernel.clock import Clock
from write_model.kernel.errors import Unauthenticated
from write_model.kernel.recent import Recent
from write_model.kernel.secrets import MasterSecret

LIVES = timedelta(minutes=10)

_ALGORITHM = "HS256"  # one party signs and verifies; the algorithm in a token is never asked
_TYPE = "at+jwt"
_AUDIENCE = _ISSUER = "tallystick"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REQUIRED = ["exp", "iat", "aud", "iss", "sub", "tid"]


@dataclass(frozen=True, slots=True)
class Claims:
    """`sign_in`: the one that the token was issued to; it ends with it.

    `authenticated_at`: when its holder proved once more who he is; None for a token of a sign-in.
    """

    subject: UUID
    tenant: UUID
    expires_at: datetime
    sign_in: UUID | None = None
    authenticated_at: datetime | None = None


class AccessTokens:
    """Verified claims are remembered by token until they expire (26 % of a request, measured)."""

    def __init__(self, master: MasterSecret, clock: Clock, *, remembered: int = 10_000) -> None:
        self._key, self._clock = master.key("tokens"), clock
        self._verified: Recent[str, Claims] = Recent(remembered)

    def issue(
        self, subject: UUID, tenant: UUID, *, sign_in: UUID | None = None, is_proof: bool = False
    ) -> str:
        """`is_proof`: its holder has just proven once more who he is; it lives as long as that."""
        now = self._clock()
        session = {} if sign_in is None else {"sid": str(sign_in)}
        proof = {"auth_time": int(now.timestamp())} if is_proof else {}
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": str(subject),
            "tid": str(tenant),
            "iat": now,
            "exp": now + (PROVEN_FOR if is_proof else LIVES),
            **session,
            **proof,
        }
        return jwt.encode(claims, self._key, _ALGORITHM, headers={"typ": _TYPE})

    def verify(self, token: str) -> Claims:
        """Raises: Unauthenticated."""
        claims = self._verified.get(token)
        if claims is None:
            claims = self._decoded(token)
            self._verified.remember(token, claims)
        if claims.expires_at <= self._clock():
            raise Unauthenticated("The access token has expired; sign in again or refresh it.")
        return claims

    def _decoded(self, token: str) -> Claims:
        try:
            decoded = jwt.decode_complete(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                issuer=_ISSUER,
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False},
            )
            return _claims(decoded["header"], decoded["payload"])
        except (jwt.InvalidTokenError, ValueError, OverflowError) as error:
            raise Unauthenticated("The access token is not valid; sign in again.") from error


def _claims(header: Mapping[str, Any], payload: Mapping[str, Any]) -> Claims:
    if header.get("typ") != _TYPE:
        raise ValueError(header)  # an identity token or another product's
    expires_at = _EPOCH + timedelta(seconds=int(payload["exp"]))
    sign_in = UUID(str(payload["sid"])) if "sid" in payload else None
    subject, tenant = UUID(str(payload["sub"])), UUID(str(payload["tid"]))
    return Claims(subject, tenant, expires_at, sign_in, _authenticated_at(payload))


def _authenticated_at(payload: Mapping[str, Any]) -> datetime | None:
    """OpenID Connect Core 1.0, 2: `auth_time`, in whole seconds."""
    if "auth_time" not in payload:
        return None
    return _EPOCH + timedelta(seconds=int(payload["auth_time"]))


def metrics_token(master: MasterSecret) -> str:
    """Opens what the service measures of itself, and nothing else; it never runs out."""
    return master.key("metrics").hex()
