"""Routes for sign-ins: which ones of one's own there are, ending them, and ending a member's."""

from functools import partial
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from api.admission import admitted
from api.answers.signing_in import Sessions
from api.callers import caller
from api.identity.own import OWN, himself
from api.identity.paging import ASKED, IN_PAGES, listed, page
from api.openapi import PERMISSION, QUERY_ERRORS, describe_query, problems
from api.process import process
from api.reads import only
from write_model.kernel.errors import NotFound
from write_model.kernel.listing import AFTER_ALL
from write_model.kernel.sign_ins import SignIn
from write_model.membership.membership import Standing, must_outrank

router = APIRouter(prefix="/v1", tags=["Signing in"])

_MANAGE = "members.manage"


def _ending(*errors: str, permission: str = OWN) -> dict[str, Any]:
    ended = {"204": {"description": "Ended, and without effect everywhere within a second."}}
    return {PERMISSION: permission, "responses": {**ended, **problems((*QUERY_ERRORS, *errors))}}


@router.get("/auth/sessions", openapi_extra=describe_query(OWN, *IN_PAGES, answer=Sessions))
async def sessions(request: Request) -> Response:
    """Your sign-ins that have not ended, in every organization, the newest first."""
    with process(request).budgets.queries:
        actor = await caller(request, OWN)
        only(request, *ASKED)
        actor.must_be_a_person()
        ending = process(request).identity.ending
        living = partial(ending.sign_ins.of, at=ending.clock())
        found, cursor = await page(request, actor.id, living, first=AFTER_ALL)
    current = current_sign_in(request)
    return listed(request, [_item(each, current) for each in found], cursor)


@router.delete(
    "/auth/sessions",
    status_code=204,
    openapi_extra=_ending("subject_erased", "reauthentication_required"),
)
async def end_all(request: Request) -> Response:
    """End all your sign-ins, this one included.

    It needs a token of `POST /v1/auth/reauthenticate`.
    """
    async with himself(request) as actor:
        actor.must_have_reauthenticated(process(request).identity.clock())
        await process(request).identity.ending.own(actor)
    return Response(status_code=204)


@router.delete(
    "/auth/sessions/{session}",
    status_code=204,
    openapi_extra=_ending("not_found", "subject_erased", "reauthentication_required"),
)
async def end_one(request: Request, session: UUID) -> Response:
    """End one of your sign-ins, wherever it was begun.

    Any but the one that asks needs a token of `POST /v1/auth/reauthenticate`.
    """
    async with himself(request) as actor:
        if session != current_sign_in(request):
            actor.must_have_reauthenticated(process(request).identity.clock())
        await process(request).identity.ending.own(actor, session)
    return Response(status_code=204)


@router.delete(
    "/members/{member}/sessions",
    status_code=204,
    openapi_extra=_ending("not_found", "subject_erased", permission=_MANAGE),
)
async def end_of_member(request: Request, member: UUID) -> Response:
    """End a member's sign-ins in this organization; he stays a member, and may sign in again.

    Only an owner does it to an owner.
    """
    async with admitted(request, _MANAGE) as actor:
        state = await process(request).identity.accounts.membership(actor.tenant, member)
        if state.standing is Standing.NONE:
            raise NotFound
        must_outrank(actor, *state.roles)
        await process(request).identity.ending.in_organization(member, by=actor)
    return Response(status_code=204)


def current_sign_in(request: Request) -> UUID | None:
    """The one that the request's token was issued to."""
    _, _, token = request.headers["authorization"].partition(" ")
    return process(request).identity.access_tokens.verify(token).sign_in


def _item(sign_in: SignIn, current: UUID | None) -> dict[str, Any]:
    return {
        "id": sign_in.id,
        "organization": sign_in.tenant,
        "began_at": sign_in.began_at,
        "used_at": sign_in.used_at,
        "expires_at": sign_in.expires_at,
        "current": sign_in.id == current,
    }
