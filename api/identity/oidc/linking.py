"""Routes for which identity providers tell of somebody: one's own, and a member's."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.admission import admitted
from api.answers.identity_providers import LinkedProviders
from api.callers import caller
from api.commands import JSON
from api.identity.identity import Identity
from api.identity.own import OWN, himself
from api.openapi import PERMISSION, QUERY_ERRORS, describe_query, problems
from api.process import process
from api.reads import only
from write_model.kernel.access import Actor
from write_model.kernel.errors import NotFound
from write_model.membership.membership import Standing, must_outrank

router = APIRouter(prefix="/v1", tags=["Signing in"])

_MANAGE = "members.manage"


def _unlinking(permission: str) -> dict[str, Any]:
    unlinked = {"204": {"description": "The provider no longer tells of this person."}}
    found = problems((*QUERY_ERRORS, "reauthentication_required", "not_found", "subject_erased"))
    return {PERMISSION: permission, "responses": {**unlinked, **found}}


@router.get("/auth/identity-providers", openapi_extra=describe_query(OWN, answer=LinkedProviders))
async def linked(request: Request) -> Response:
    """The identity providers of your organization that you have signed in through."""
    with process(request).budgets.queries:
        actor = await caller(request, OWN)
        only(request)
        actor.must_be_a_person()
        items = await _items(process(request).identity, actor)
    return Response(to_json({"items": items, "next_cursor": None}), media_type=JSON)


@router.delete(
    "/auth/identity-providers/{provider}", status_code=204, openapi_extra=_unlinking(OWN)
)
async def unlink(request: Request, provider: UUID) -> Response:
    """Have a provider tell of you no more; sign-ins that began go on.

    It needs a token of `POST /v1/auth/reauthenticate`. Signing in through it links you anew, by an
    e-mail address that it has verified.
    """
    async with himself(request) as actor:
        await _unlinked(request, provider, actor.id, by=actor)
    return Response(status_code=204)


@router.delete(
    "/members/{member}/identity-providers/{provider}",
    status_code=204,
    openapi_extra=_unlinking(_MANAGE),
)
async def unlink_member(request: Request, member: UUID, provider: UUID) -> Response:
    """Have a provider tell of a member no more; sign-ins that began go on.

    It needs a token of `POST /v1/auth/reauthenticate`. Only an owner does it for an owner.
    """
    async with admitted(request, _MANAGE) as actor:
        state = await process(request).identity.accounts.membership(actor.tenant, member)
        if state.standing is Standing.NONE:
            raise NotFound
        must_outrank(actor, *state.roles)
        await _unlinked(request, provider, member, by=actor)
    return Response(status_code=204)


async def _unlinked(request: Request, provider: UUID, user: UUID, *, by: Actor) -> None:
    identity = process(request).identity
    by.must_have_reauthenticated(identity.clock())
    await identity.provider_links.unlink(provider, user, by=by)
    identity.on_record.note(user, "identity_provider_unlinked")


async def _items(identity: Identity, actor: Actor) -> list[dict[str, Any]]:
    linked = await identity.provider_links.of(actor.tenant, actor.id)
    trusted = (await identity.providers.organization(actor.tenant)).identity_providers
    names = {each.provider: each.name for each in trusted}
    return [
        {"id": provider, "name": names[provider], "linked_at": at}
        for provider, at in linked.items()
        if provider in names
    ]
