"""Signing in at an identity provider: to it, and back with a code that is exchanged for a person.

It gives a member of the organization that trusts the provider what a password gives, in that
organization only. It makes nobody a member, and gives nobody a role.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

import structlog
from pydantic import BaseModel, StringConstraints, ValidationError

from api.identity.oidc.discovery import Discovery, Metadata
from api.identity.oidc.fetching import NoAnswer
from api.identity.oidc.flows import Flow, Flows, address
from api.identity.oidc.id_tokens import Expected, NotBelieved, Person, key_name, person
from api.identity.signing_in import SignedIn, SigningIn
from write_model.identity_providers import IdentityProviders
from write_model.kernel.access import Role
from write_model.kernel.errors import Invalid, Unauthenticated, Unavailable
from write_model.kernel.linked_subjects import Subject
from write_model.organization.events import IdentityProviderSet
from write_model.provider_links import ProviderLinks

REFUSED = (
    "Your identity provider has not signed you in here; begin once more, or ask an administrator"
    " whether you are a member with that e-mail address."
)
_SILENT = "Your identity provider did not answer as it should; try again in a moment."

_log = structlog.get_logger("oidc")


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
class SigningInElsewhere:
    signing_in: SigningIn
    providers: IdentityProviders
    links: ProviderLinks
    flows: Flows
    discovery: Discovery

    async def begin(self, provider: UUID, redirect_address: str | None, *, origin: str) -> Begun:
        """Raises: NotFound; Invalid for an address that was not set; RateLimited; Unavailable."""
        await self.signing_in.guesses.come_from(origin)
        _, trusted = await self.providers.find(provider)
        back = redirect_address or trusted.redirect_addresses[0]
        if back not in trusted.redirect_addresses:
            raise Invalid(
                "Come back to an address that was set for this provider.", field="redirect_address"
            )
        try:
            metadata = await self.discovery.metadata(trusted.issuer)
        except NoAnswer as error:
            raise _silent(provider, error) from error
        flow = self.flows.begin(trusted.issuer, back)
        return Begun(address(metadata, trusted.client_id, flow), self.flows.sealed(flow, provider))

    async def finish(self, provider: UUID, came: CameBack, *, origin: str) -> SignedIn:
        """Raises: NotFound; Unauthenticated, the same for whatever was wrong;
        SecondFactorRequired; RateLimited; Unavailable.
        """
        await self.signing_in.guesses.come_from(origin)
        tenant, trusted = await self.providers.find(provider)
        try:
            told = await self._told(tenant, trusted, came)
            user = await self._member(tenant, trusted, told, came.totp)
        except NoAnswer as error:
            raise _silent(provider, error) from error
        except NotBelieved as error:
            _log.info("oidc.not_believed", provider=str(provider), reason=str(error))
            raise Unauthenticated(REFUSED) from error
        return await self.signing_in.begin(user, tenant)

    async def _told(self, tenant: UUID, trusted: IdentityProviderSet, came: CameBack) -> Person:
        """Of whom the provider tells."""
        flow = self._flow(trusted, came)
        metadata = await self.discovery.metadata(trusted.issuer)
        _must_come_from(metadata, came.iss)
        # Once, whatever becomes of it: from here on it costs the provider something.
        now = self.flows.clock()
        if not await self.links.kept.finish(came.flow, at=now, until=flow.ends_at):
            raise NotBelieved("flow came twice")
        token = await self._exchanged(tenant, trusted, metadata, flow, came.code)
        key = await self.discovery.key(metadata, key_name(token))
        if key is None:
            raise NotBelieved("no such key")
        expected = Expected(trusted.issuer, trusted.client_id, flow.nonce)
        return person(token, key, expected, now=self.flows.clock())

    def _flow(self, trusted: IdentityProviderSet, came: CameBack) -> Flow:
        flow = self.flows.opened(came.flow, trusted.provider)
        if flow is None:
            raise NotBelieved("flow")
        if not hmac.compare_digest(flow.state.encode(), came.state.encode()):
            raise NotBelieved("state")
        if flow.issuer != trusted.issuer or flow.redirect_address not in trusted.redirect_addresses:
            raise NotBelieved("set otherwise meanwhile")
        return flow

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
        status, content = await self.discovery.fetching.post(metadata.token_endpoint, form, headers)
        if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}:
            raise NotBelieved("code")
        try:
            return _Granted.model_validate_json(content).id_token
        except ValidationError as error:
            raise NoAnswer(f"no token, status {status}") from error

    async def _member(
        self, tenant: UUID, trusted: IdentityProviderSet, told: Person, totp: str | None
    ) -> UUID:
        """Whom that is here: an active member, linked before or by his verified address."""
        subject = Subject(trusted.provider, trusted.issuer, told.subject)
        linked = await self.links.find(tenant, subject)
        user = linked or await self._by_email(told.email)
        try:
            actor = await self.signing_in.actors.member(tenant, user)
        except Unauthenticated as error:
            raise NotBelieved("no active member") from error
        if Role.OWNER in actor.roles and not trusted.admits_owners:
            raise NotBelieved("an owner, by a provider that an administrator has set")
        await self.signing_in.second_step.must_pass(user, totp)
        if linked is None:
            await self._link(tenant, subject, user)
        return user

    async def _by_email(self, email: str | None) -> UUID:
        if email is None:
            raise NotBelieved("no verified e-mail")
        login = await self.signing_in.logins.find(self.signing_in.blind_index.of(email))
        if login is None:
            raise NotBelieved("nobody's e-mail")
        return login.user

    async def _link(self, tenant: UUID, subject: Subject, user: UUID) -> None:
        if await self.links.link(tenant, subject, user) != user:
            raise NotBelieved("linked to somebody else at the same time")
        self.signing_in.on_record.note(user, "identity_provider_linked")


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


def _silent(provider: UUID, error: NoAnswer) -> Unavailable:
    _log.warning("oidc.no_answer", provider=str(provider), reason=str(error))
    return Unavailable(message=_SILENT)
