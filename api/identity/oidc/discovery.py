"""What a provider says of itself, and the keys that it signs with: kept for a while."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar
from uuid import UUID

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey, import_key
from pydantic import BaseModel, StringConstraints, ValidationError

from api.identity.oidc.fetching import Fetching, NoAnswer
from write_model.kernel.clock import Clock
from write_model.kernel.recent import Recent

M = TypeVar("M", bound=BaseModel)
Key = RSAKey | ECKey
HttpAddress = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^https?://[^\s#@]+$")]

_KEPT = timedelta(minutes=15)
"""So long a key counts that its provider has withdrawn."""
_ASKED_AGAIN_AFTER = timedelta(seconds=30)
"""Whoever makes up names of keys has the provider asked no more often than that."""
_REMEMBERED = 1_000


class Metadata(BaseModel):
    """As OpenID Connect Discovery 1.0 names it; `iss` in the answer is RFC 9207."""

    issuer: str
    authorization_endpoint: HttpAddress
    token_endpoint: HttpAddress
    jwks_uri: HttpAddress
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class _Keys(BaseModel):
    keys: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Discovery:
    """`by`: the organization that trusts the provider."""

    fetching: Fetching
    clock: Clock
    _said: Recent[str, tuple[datetime, Metadata]] = field(
        default_factory=lambda: Recent(_REMEMBERED)
    )
    _keys: Recent[str, tuple[datetime, dict[str | None, Key]]] = field(
        default_factory=lambda: Recent(_REMEMBERED)
    )

    async def metadata(self, issuer: str, *, by: UUID) -> Metadata:
        """Raises: NoAnswer, also when the provider there calls itself otherwise."""
        known = self._said.get(issuer)
        if known is not None and self.clock() - known[0] < _KEPT:
            return known[1]
        address = issuer.rstrip("/") + "/.well-known/openid-configuration"
        content = await self.fetching.get(address, by=by)
        said = _read(Metadata, content)
        if said.issuer != issuer:
            raise NoAnswer("another issuer")
        self._said.remember(issuer, (self.clock(), said))
        return said

    async def key(self, metadata: Metadata, name: str | None, *, by: UUID) -> Key | None:
        """The key of that name; without one, the only key there is. Raises: NoAnswer."""
        known = self._keys.get(metadata.jwks_uri)
        if known is None or self._is_asked_again(known[0], is_known=name in known[1]):
            content = await self.fetching.get(metadata.jwks_uri, by=by)
            known = self.clock(), _usable(_read(_Keys, content))
            self._keys.remember(metadata.jwks_uri, known)
        return known[1].get(name)

    def _is_asked_again(self, at: datetime, *, is_known: bool) -> bool:
        return self.clock() - at >= (_KEPT if is_known else _ASKED_AGAIN_AFTER)


def _usable(keys: _Keys) -> dict[str | None, Key]:
    found: dict[str | None, Key] = {}
    for each in keys.keys:
        if each.get("use", "sig") != "sig":
            continue
        try:
            key = import_key(each)
        except (JoseError, ValueError, TypeError):  # Of a kind that nobody here knows.
            continue
        if isinstance(key, RSAKey | ECKey):
            found[key.kid] = key
    return {**found, None: next(iter(found.values()))} if len(found) == 1 else found


def _read(kind: type[M], content: bytes) -> M:
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise NoAnswer("not understood") from error
