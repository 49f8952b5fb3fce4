"""Routes for the keys that services ask with: making, listing, rotating and revoking them."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from api.admission import admitted
from api.answers.api_keys import ApiKeys, ApiKeySecret
from api.callers import caller
from api.commands import JSON, receipt_headers
from api.identity.describing import describe_change
from api.identity.identity import Identity
from api.identity.paging import ASKED, IN_PAGES, listed, page
from api.identity.promised import NOT_KEPT, Nothing, promised
from api.openapi import answers, describe_query
from api.process import process
from api.reads import only
from write_model.api_key.api_key import ApiKey, Status
from write_model.api_key.commands import KeyName, Scopes
from write_model.api_keys import NewKey
from write_model.kernel.api_key_secrets import ListedKey, Secret
from write_model.kernel.messages import Receipt
from write_model.kernel.times import Time

router = APIRouter(prefix="/v1/api-keys", tags=["API keys"])

_MANAGE = "api_keys.manage"


class NewApiKey(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: KeyName
    """What the key is for; it names no person."""
    scopes: Scopes
    """All that it may do."""
    expires_at: Time | None = None
    """At most 366 days from now; 90 days when left out."""


@router.post(
    "",
    status_code=201,
    openapi_extra=describe_change(
        _MANAGE,
        NewApiKey,
        responses=answers(ApiKeySecret, 201),
        begins=True,
        errors=["reauthentication_required"],
    ),
)
async def create(request: Request) -> Response:
    """Make a key for a service, which acts under the key's own id.

    It needs a token of `POST /v1/auth/reauthenticate`. The secret is in this answer and, where the
    request had an `Idempotency-Key`, in its repetition; it is kept nowhere. Nobody gives a key more
    than he may do himself. An organization has at most 1,000 in force.
    """
    async with admitted(request, _MANAGE) as actor:
        identity = process(request).identity
        given, key, _ = await promised(request, actor, NewApiKey, begins=True)
        new = NewKey(given.name, given.scopes, given.expires_at)
        receipt, secret = await identity.api_keys.create(new, by=actor, key=key)
        return await _shown_once(identity, actor.tenant, receipt, secret)


@router.get("", openapi_extra=describe_query(_MANAGE, *IN_PAGES, answer=ApiKeys))
async def api_keys(request: Request) -> Response:
    """Every key that was ever made for the organization, the oldest first; no secrets."""
    identity = process(request).identity
    with process(request).budgets.queries:
        actor = await caller(request, _MANAGE)
        only(request, *ASKED)
        found, cursor = await page(request, actor.tenant, identity.api_keys.secrets.of)
        items = await _items(identity, actor.tenant, found)
    return listed(request, items, cursor)


@router.post(
    "/{key}/rotate",
    status_code=201,
    openapi_extra=describe_change(
        _MANAGE, responses=answers(ApiKeySecret, 201), errors=["reauthentication_required"]
    ),
)
async def rotate(request: Request, key: UUID) -> Response:
    """Give a key another secret; the older one is without effect everywhere within a second.

    It needs a token of `POST /v1/auth/reauthenticate`. Scopes and expiry stay. To change over
    without a gap, make a second key and revoke the first.
    """
    async with admitted(request, _MANAGE) as actor:
        identity = process(request).identity
        given = (await promised(request, actor, Nothing)).promises
        receipt, secret = await identity.api_keys.rotate(key, by=actor, promises=given)
        identity.bearers.evict(key)
        return await _shown_once(identity, actor.tenant, receipt, secret)


@router.delete(
    "/{key}",
    status_code=204,
    openapi_extra=describe_change(
        _MANAGE,
        responses={
            "204": {"description": "Revoked, and without effect everywhere within a second."}
        },
    ),
)
async def revoke(request: Request, key: UUID) -> Response:
    """End a key for good."""
    async with admitted(request, _MANAGE) as actor:
        identity = process(request).identity
        given = (await promised(request, actor, Nothing)).promises
        receipt = await identity.api_keys.revoke(key, by=actor, promises=given)
        # Here at once; elsewhere the log's tail tells of it.
        identity.bearers.evict(key)
    return Response(status_code=204, headers=receipt_headers(receipt))


async def _shown_once(
    identity: Identity, tenant: UUID, receipt: Receipt, secret: Secret
) -> Response:
    state = await identity.api_keys.state(tenant, receipt.stream)
    content = {
        "id": receipt.stream,
        "version": receipt.version,
        "position": receipt.position,
        "prefix": secret.prefix,
        "key": secret.token,
        "scopes": sorted(state.scopes),
        "expires_at": state.expires_at,
    }
    return Response(to_json(content), 201, {**NOT_KEPT, **receipt_headers(receipt)}, JSON)


async def _items(
    identity: Identity, tenant: UUID, found: Sequence[ListedKey]
) -> list[dict[str, Any]]:
    states = await asyncio.gather(
        *(identity.api_keys.state_and_version(tenant, each.key) for each in found)
    )
    now = identity.clock()
    return [
        {**_item(state, now), "id": each.key, "version": version, "used_at": each.used_at}
        for each, (state, version) in zip(found, states, strict=True)
        if state.status
        is not Status.NONE  # as long as it is being made, and where that was refused
    ]


def _item(state: ApiKey, now: datetime) -> dict[str, Any]:
    is_expired = state.status is Status.ACTIVE and not state.is_in_force(now)
    return {
        "name": state.name,
        "prefix": state.prefix,
        "scopes": sorted(state.scopes),
        "status": "expired" if is_expired else state.status,
        "expires_at": state.expires_at,
        "created_by": state.created_by,
        "created_at": state.created_at,
    }
