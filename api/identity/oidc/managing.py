"""Routes for the identity providers that an organization trusts."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic_core import to_json

from api.admission import admitted
from api.answers.identity_providers import IdentityProviders, ProviderReceipt
from api.commands import JSON, receipt_headers
from api.identity.describing import KEPT_ERRORS, SEEN_ERRORS, describe_bare, describe_body
from api.openapi import BODY_ERRORS, IDEMPOTENCY_KEY, IF_MATCH, answers, describe_query
from api.process import process
from api.promises import promises
from api.requests import caller, parsed, raw_body
from write_model.identity_providers import NewProvider
from write_model.kernel.messages import Receipt
from write_model.kernel.texts import STORABLE
from write_model.organization.commands import ClientId, HttpAddress, Name, RedirectAddresses
from write_model.organization.events import IdentityProviderSet

router = APIRouter(prefix="/v1/identity-providers", tags=["Organizations"])

_ADMINISTER = "organization.administer"
_CHANGING = (
    "unauthenticated",
    "forbidden",
    "reauthentication_required",
    "not_found",
    "rate_limited",
)

ClientSecret = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=STORABLE)]


class ProviderSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: Name
    """What people call it."""
    issuer: HttpAddress
    """Its https address, exactly as it names itself."""
    client_id: ClientId
    """What it calls this server."""
    client_secret: ClientSecret
    """What it knows this server by; kept sealed, and never shown again."""
    redirect_addresses: RedirectAddresses
    """The pages that it may send browsers to; the first is the usual one."""

    def new(self) -> NewProvider:
        return NewProvider(
            self.name, self.issuer, self.client_id, self.redirect_addresses, self.client_secret
        )


@router.get("", openapi_extra=describe_query(_ADMINISTER, answer=IdentityProviders))
async def identity_providers(request: Request) -> Response:
    """The identity providers through which members may sign in; no secrets."""
    with process(request).budgets.queries:
        actor = await caller(request, _ADMINISTER)
        found = await process(request).identity.elsewhere.providers.organization(actor.tenant)
    items = [_item(each) for each in found.identity_providers]
    content = {"items": items, "version": found.version, "next_cursor": None}
    return Response(to_json(content), media_type=JSON)


@router.post(
    "",
    status_code=201,
    openapi_extra=describe_body(
        _ADMINISTER,
        ProviderSettings,
        IDEMPOTENCY_KEY,
        responses=answers(ProviderReceipt, 201),
        errors=(*BODY_ERRORS, *_CHANGING, *KEPT_ERRORS, "illegal_transition"),
    ),
)
async def add(request: Request) -> Response:
    """Let members sign in through an identity provider (OpenID Connect).

    It needs a token of `POST /v1/auth/reauthenticate`. Whoever runs the provider can sign in as any
    member of the organization: as an owner only when an owner has set it.
    """
    async with admitted(request, _ADMINISTER) as actor:
        content = await raw_body(request)
        given = parsed(content, ProviderSettings.model_validate_json)
        identity = process(request).identity
        key, _ = identity.kept(await promises(request, actor, content, begins=True))
        providers = identity.elsewhere.providers
        provider, receipt = await providers.add(given.new(), by=actor, key=key)
    return _told(provider, receipt, 201)


@router.post(
    "/{provider}",
    openapi_extra=describe_body(
        _ADMINISTER,
        ProviderSettings,
        IDEMPOTENCY_KEY,
        IF_MATCH,
        responses=answers(ProviderReceipt, 200),
        errors=(*BODY_ERRORS, *_CHANGING, *SEEN_ERRORS),
    ),
)
async def change(request: Request, provider: UUID) -> Response:
    """Set an identity provider anew, its client secret included; it holds at once.

    It needs a token of `POST /v1/auth/reauthenticate`.
    """
    async with admitted(request, _ADMINISTER) as actor:
        content = await raw_body(request)
        given = parsed(content, ProviderSettings.model_validate_json).new()
        identity = process(request).identity
        kept = identity.kept(await promises(request, actor, content))
        providers = identity.elsewhere.providers
        receipt = await providers.change(provider, given, by=actor, promises=kept)
    return _told(provider, receipt, 200)


@router.delete(
    "/{provider}",
    status_code=204,
    openapi_extra=describe_bare(
        _ADMINISTER,
        IDEMPOTENCY_KEY,
        IF_MATCH,
        responses={"204": {"description": "Nobody signs in through it any more."}},
        errors=(*SEEN_ERRORS, "reauthentication_required", "not_found"),
    ),
)
async def remove(request: Request, provider: UUID) -> Response:
    """Let nobody sign in through an identity provider any more; sign-ins that began go on.

    It needs a token of `POST /v1/auth/reauthenticate`.
    """
    async with admitted(request, _ADMINISTER) as actor:
        identity = process(request).identity
        kept = identity.kept(await promises(request, actor, b""))
        receipt = await identity.elsewhere.providers.remove(provider, by=actor, promises=kept)
    return Response(status_code=204, headers=receipt_headers(receipt))


def _item(provider: IdentityProviderSet) -> dict[str, Any]:
    return {
        "id": provider.provider,
        "name": provider.name,
        "issuer": provider.issuer,
        "client_id": provider.client_id,
        "redirect_addresses": provider.redirect_addresses,
        "admits_owners": provider.admits_owners,
    }


def _told(provider: UUID, receipt: Receipt, status: int) -> Response:
    content = {"id": provider, "version": receipt.version, "position": receipt.position}
    return Response(to_json(content), status, receipt_headers(receipt), JSON)
