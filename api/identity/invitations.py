"""Who was asked in and has not answered, for who manages the members."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from api.accesses import shown
from api.answers.invitations import Invitations
from api.callers import caller
from api.identity.identity import Identity
from api.identity.paging import ASKED, IN_PAGES, listed, page
from api.openapi import describe_query
from api.process import process
from api.reads import only
from write_model.kernel.passes import Open, invitations_of
from write_model.membership.membership import Standing

router = APIRouter(prefix="/v1/invitations", tags=["People"])

_MANAGE = "members.manage"


@router.get("", openapi_extra=describe_query(_MANAGE, *IN_PAGES, answer=Invitations))
async def invitations(request: Request) -> Response:
    """Invitations that were neither accepted nor withdrawn, the oldest first."""
    at = process(request)
    with at.budgets.queries:
        actor = await caller(request, _MANAGE)
        only(request, *ASKED)
        found, cursor = await page(request, actor.tenant, partial(invitations_of, at.pool))
        items = await _items(at.identity, actor.tenant, found)
        shown(request, actor, _MANAGE)
    return listed(request, items, cursor)


async def _items(identity: Identity, tenant: UUID, found: Sequence[Open]) -> list[dict[str, Any]]:
    subjects = [each.user for each in found]
    names = await identity.people.names(tenant, subjects)
    emails = await identity.people.emails(subjects)
    memberships = await identity.accounts.memberships(tenant, subjects)
    return [
        {
            "id": each.user,
            "name": names.get(each.user),
            "email": emails.get(each.user),
            "roles": sorted(state.roles),
            "until": state.until,
            "teams": None if state.teams is None else sorted(state.teams),
            "made_at": each.made_at,
            "expires_at": each.expires_at,
            "expired": each.expires_at <= identity.clock(),
        }
        for each, (state, _) in zip(found, memberships, strict=True)
        if state.standing is Standing.INVITED  # and was not removed as a member
    ]
