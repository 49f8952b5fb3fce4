"""What is said between a page, an identity provider and us, until it tells of a person.

Refusals do not say to the page what was wrong; the operator's log does.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from pydantic import BaseModel, StringConstraints, ValidationError

from api.identity.oidc.discovery import Discovery, Metadata
from api.identity.oidc.fetching import NoAnswer
from api.identity.oidc.flows import Flow, Flows, address
from api.identity.oidc.id_tokens import Expected, NotBelieved, Person, key_name, person
from write_model.identity_providers import IdentityProviders
from write_model.kernel.access import PROVEN_FOR
from write_model.kernel.errors import Invalid
from write_model.kernel.linked_subjects import LinkedSubjects
from write_model.organization.events import IdentityProviderSet


@dataclass(frozen=True, slots=True)
class Begun:
    """`flow` stays with the browser, which goes to `address`."""

    address: str
    flow: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CameBack:
    """What the browser brings; `iss` where the provider names itself (RFC 9207)."""

    flow: str = field(repr=False)
    state: str = field(repr=False)
    code: str = field(repr=False)
    iss: str | None = None
    totp: str | None = field(default=None, repr=False)


class _Granted(BaseModel):
    id_token: Annotated[str, StringConstraints(max_length=16_384)]


@dataclass(frozen=True, slots=True)
class Dialogue:
    """`proof_of`: who proves with it once more who he is; None where somebody signs in."""

    providers: IdentityProviders
    kept: LinkedSubjects
    flows: Flows
    discovery: Discovery

    async def begin(
        self,
        tenant: UUID,
        trusted: IdentityProviderSet,
        redirect_address: str | None,
        *,
        proof_of: UUID | None = None,
    ) -> Begun:
        """Raises: Invalid for an address that was not set; NoAnswer."""
        back = redirect_address or trusted.redirect_addresses[0]
        if back not in trusted.redirect_addresses:
            raise Invalid(
                "Come back to an address that was set for this provider.", field="redirect_address"
            )
        metadata = await self.discovery.metadata(trusted.issuer, by=tenant)
        flow = self.flows.begin(trusted.issuer, back, proof_of)
        sealed = self.flows.sealed(flow, trusted.provider)
        return Begun(address(metadata, trusted.client_id, flow), sealed)

    async def told(
        self,
        tenant: UUID,
        trusted: IdentityProviderSet,
        came: CameBack,
        *,
        proof_of: UUID | None = None,
    ) -> Person:
        """Of whom the provider tells. Raises: NotBelieved; NoAnswer."""
        flow = self._flow(trusted, came, proof_of)
        metadata = await self.discovery.metadata(trusted.issuer, by=tenant)
        _must_come_from(metadata, came.iss)
        # Once, whatever becomes of it: from here on it costs the provider something. By its state,
        # for the sealed text itself can be written in many ways that open alike.
        now = self.flows.clock()
        if not await self.kept.finish(flow.state, at=now, until=flow.ends_at):
            raise NotBelieved("flow came twice")
        token = await self._exchanged(tenant, trusted, metadata, flow, came.code)
        key = await self.discovery.key(metadata, key_name(token), by=tenant)
        if key is None:
            raise NotBelieved("no such key")
        return person(token, key, self._expected(trusted, flow), now=self.flows.clock())

    def _flow(self, trusted: IdentityProviderSet, came: CameBack, proof_of: UUID | None) -> Flow:
        flow = self.flows.opened(came.flow, trusted.provider)
        if flow is None:
            raise NotBelieved("flow")
        if not hmac.compare_digest(flow.state.encode(), came.state.encode()):
            raise NotBelieved("state")
        if flow.proof_of != proof_of:
            raise NotBelieved("begun by somebody else, or for something else")
        if flow.issuer != trusted.issuer or flow.redirect_address not in trusted.redirect_addresses:
            raise NotBelieved("set otherwise meanwhile")
        return flow

    def _expected(self, trusted: IdentityProviderSet, flow: Flow) -> Expected:
        """Who proves something must have signed in there since he began, and not long ago."""
        since = None
        if flow.proof_of is not None:
            since = max(flow.began_at, self.flows.clock() - PROVEN_FOR)
        return Expected(trusted.issuer, trusted.client_id, flow.nonce, since)

    async def _exchanged(
        self,
        tenant: UUID,
        trusted: IdentityProviderSet,
        metadata: Metadata,
        flow: Flow,
        code: str,
    ) -> str:
        """The ID token for a code."""
        secret = await self.providers.secrets.read(trusted.secret, tenant)
        if secret is None:
            raise NotBelieved("set otherwise meanwhile")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": flow.redirect_address,
            "code_verifier": flow.verifier,
        }
        form, headers = _as_client(form, metadata, trusted.client_id, secret)
        status, content = await self.discovery.fetching.post(
            metadata.token_endpoint, form, headers, by=tenant
        )
        if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}:
            raise NotBelieved("code")
        try:
            return _Granted.model_validate_json(content).id_token
        except ValidationError as error:
            raise NoAnswer(f"no token, status {status}") from error


def _must_come_from(metadata: Metadata, iss: str | None) -> None:
    """Against a mix-up of two providers (RFC 9207 2.4)."""
    is_missing = iss is None and metadata.authorization_response_iss_parameter_supported
    if is_missing or (iss is not None and iss != metadata.issuer):
        raise NotBelieved("another provider's answer")


def _as_client(
    form: dict[str, str], metadata: Metadata, client_id: str, secret: str
) -> tuple[dict[str, str], dict[str, str]]:
    """The form and headers that also say who asks (RFC 6749 2.3.1)."""
    if "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
        pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
        return form, {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    return {**form, "client_id": client_id, "client_secret": secret}, {}
