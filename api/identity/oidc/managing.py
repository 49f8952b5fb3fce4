"""Routes for the identity providers that an organization trusts."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic_core import to_json

from api.admission import admitted
from api.answers.identity_providers import IdentityProviders, ProviderReceipt
from api.callers import caller
from api.commands import JSON, receipt_headers
from api.identity.describing import describe_change
from api.identity.promised import Nothing, promised
from api.openapi import answers, describe_query
from api.process import process
from api.reads import only
from write_model.identity_providers import NewProvider
from write_model.kernel.messages import Receipt
from write_model.kernel.texts import STORABLE
from write_model.organization.commands import ClientId, HttpAddress, Name, RedirectAddresses
from write_model.organization.events import IdentityProviderSet

router = APIRouter(prefix="/v1/identity-providers", tags=["Organizations"])

_ADMINISTER = "organization.administer"
_PROVEN = ("reauthentication_required",)

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
        only(request)
        found = await process(request).identity.providers.organization(actor.tenant)
    items = [_item(each) for each in found.identity_providers]
    content = {"items": items, "version": found.version, "next_cursor": None}
    return Response(to_json(content), media_type=JSON)


@router.post(
    "",
    status_code=201,
    openapi_extra=describe_change(
        _ADMINISTER,
        ProviderSettings,
        responses=answers(ProviderReceipt, 201),
        begins=True,
        errors=_PROVEN,
    ),
)
async def add(request: Request) -> Response:
    """Let members sign in through an identity provider (OpenID Connect).

    It needs a token of `POST /v1/auth/reauthenticate`. Whoever runs the provider can sign in as any
    member of the organization: as an owner only when an owner has set it.
    """
    async with admitted(request, _ADMINISTER) as actor:
        given, key, _ = await promised(request, actor, ProviderSettings, begins=True)
        providers = process(request).identity.providers
        provider, receipt = await providers.add(given.new(), by=actor, key=key)
    return _told(provider, receipt, 201)


@router.post(
    "/{provider}",
    openapi_extra=describe_change(
        _ADMINISTER, ProviderSettings, responses=answers(ProviderReceipt, 200), errors=_PROVEN
    ),
)
async def change(request: Request, provider: UUID) -> Response:
    """Set an identity provider anew, its client secret included; it holds at once.

    It needs a token of `POST /v1/auth/reauthenticate`.
    """
    async with admitted(request, _ADMINISTER) as actor:
        given = await promised(request, actor, ProviderSettings)
        providers = process(request).identity.providers
        receipt = await providers.change(
            provider, given.body.new(), by=actor, promises=given.promises
        )
    return _told(provider, receipt, 200)


@router.delete(
    "/{provider}",
    status_code=204,
    openapi_extra=describe_change(
        _ADMINISTER,
        responses={"204": {"description": "Nobody signs in through it any more."}},
        errors=_PROVEN,
    ),
)
async def remove(request: Request, provider: UUID) -> Response:
    """Let nobody sign in through an identity provider any more; sign-ins that began go on.

    It needs a token of `POST /v1/auth/reauthenticate`.
    """
    async with admitted(request, _ADMINISTER) as actor:
        given = await promised(request, actor, Nothing)
        providers = process(request).identity.providers
        receipt = await providers.remove(provider, by=actor, promises=given.promises)
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
