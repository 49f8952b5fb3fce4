"""Reads ID tokens: what a provider says of somebody, once nothing about it is in doubt."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeGuard

from authlib.oidc.core import CodeIDToken
from joserfc import jws, jwt
from joserfc.errors import JoseError

from api.identity.oidc.discovery import Key

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384"]
"""Only those with two keys: what verifies is public, and must not be able to sign."""
_LEEWAY = timedelta(seconds=30)
_UNREADABLE = (JoseError, ValueError, TypeError, RecursionError)
"""What is met in whatever a provider may send: JSON of any kind and depth."""
_LONGEST = 255
"""Of a subject, in characters (OpenID Connect Core 1.0, 2)."""


class NotBelieved(Exception):
    """Its message says why to the operator's log; who signs in is not told."""


@dataclass(frozen=True, slots=True)
class Expected:
    """`signed_in_since`: he must have signed in there no earlier; None where it does not matter."""

    issuer: str
    client_id: str
    nonce: str = field(repr=False)
    signed_in_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """`email`: only one that the provider has verified."""

    subject: str = field(repr=False)
    email: str | None = field(repr=False)


def key_name(token: str) -> str | None:
    """The name of the key that a token says it was signed with. Raises: NotBelieved."""
    try:
        header = jws.extract_compact(token.encode()).headers()
    except _UNREADABLE as error:
        raise NotBelieved("no token") from error
    name = header.get("kid")
    return name if isinstance(name, str) else None


def person(token: str, key: Key, expected: Expected, *, now: datetime) -> Person:
    """Raises: NotBelieved."""
    try:
        read = jwt.decode(token, key, algorithms=ALGORITHMS)
        claims = _validated(read, expected, now)
    except _UNREADABLE as error:
        raise NotBelieved(type(error).__name__) from error
    if not (_is_text(claims["sub"]) and 0 < len(claims["sub"]) <= _LONGEST):
        raise NotBelieved("subject")
    if expected.signed_in_since is not None:
        _must_have_signed_in(claims, expected.signed_in_since, now)
    return Person(claims["sub"], _verified_email(claims))


def _validated(token: jwt.Token, expected: Expected, now: datetime) -> dict[str, Any]:
    options = {
        "iss": {"essential": True, "value": expected.issuer},
        "aud": {"essential": True, "value": expected.client_id},
        "sub": {"essential": True},
        "exp": {"essential": True},
        "iat": {"essential": True},
    }
    told = {"nonce": expected.nonce, "client_id": expected.client_id}
    claims: Any = CodeIDToken(token.claims, token.header, options, told)
    claims.validate(now=int(now.timestamp()), leeway=int(_LEEWAY.total_seconds()))
    return token.claims


def _must_have_signed_in(claims: dict[str, Any], since: datetime, now: datetime) -> None:
    """Clocks differ, and `auth_time` is in whole seconds."""
    at = claims.get("auth_time")
    if not isinstance(at, int) or isinstance(at, bool):
        raise NotBelieved("no auth_time")
    earliest, latest = (since - _LEEWAY).timestamp(), (now + _LEEWAY).timestamp()
    if not earliest <= at <= latest:
        raise NotBelieved("auth_time")


def _verified_email(claims: dict[str, Any]) -> str | None:
    # Nothing but true will do: some write "false", which is no falsehood in Python.
    email = claims.get("email")
    return email if claims.get("email_verified") is True and _is_text(email) else None


def _is_text(value: object) -> TypeGuard[str]:
    """JSON spells halves of characters too, of which nothing can be looked up."""
    return isinstance(value, str) and value.encode(errors="ignore").decode() == value
