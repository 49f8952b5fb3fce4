"""Routes for one's own sign-ins: which ones there are, and ending them."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.admission import admitted
from api.answers.people import Sessions
from api.commands import JSON
from api.identity.signing_in import SigningIn
from api.openapi import PERMISSION, QUERY_ERRORS, describe_query, problems
from api.process import process
from api.requests import caller
from write_model.kernel.sign_ins import SignIn

router = APIRouter(prefix="/v1/auth/sessions", tags=["Signing in"])

_OWN = "people.read"
"""Every role carries it: a sign-in is everybody's own."""


def _ending(*errors: str) -> dict[str, Any]:
    ended = {"204": {"description": "Ended, and without effect everywhere within a second."}}
    return {PERMISSION: _OWN, "responses": {**ended, **problems((*QUERY_ERRORS, *errors))}}


@router.get("", openapi_extra=describe_query(_OWN, answer=Sessions))
async def sessions(request: Request) -> Response:
    """Your sign-ins that have not ended, in every organization, the newest first."""
    with process(request).budgets.queries:
        actor = await caller(request, _OWN)
        actor.must_be_a_person()
        signing_in = _signing_in(request)
        found = await signing_in.sign_ins.of(actor.id, at=signing_in.clock())
    current = current_sign_in(request)
    items = [_item(each, current) for each in found]
    return Response(to_json({"items": items, "next_cursor": None}), media_type=JSON)


@router.delete("", status_code=204, openapi_extra=_ending("subject_erased"))
async def end_all(request: Request) -> Response:
    """End all your sign-ins, this one included."""
    async with admitted(request, _OWN) as actor:
        actor.must_be_a_person()
        await _signing_in(request).end(actor)
    return Response(status_code=204)


@router.delete("/{session}", status_code=204, openapi_extra=_ending("not_found", "subject_erased"))
async def end_one(request: Request, session: UUID) -> Response:
    """End one of your sign-ins, wherever it was begun."""
    async with admitted(request, _OWN) as actor:
        actor.must_be_a_person()
        await _signing_in(request).end(actor, session)
    return Response(status_code=204)


def current_sign_in(request: Request) -> UUID | None:
    """The one that the request's token was issued to."""
    _, _, token = request.headers["authorization"].partition(" ")
    return _signing_in(request).tokens.verify(token).sign_in


def _item(sign_in: SignIn, current: UUID | None) -> dict[str, Any]:
    return {
        "id": sign_in.id,
        "organization": sign_in.tenant,
        "began_at": sign_in.began_at,
        "used_at": sign_in.used_at,
        "expires_at": sign_in.expires_at,
        "current": sign_in.id == current,
    }


def _signing_in(request: Request) -> SigningIn:
    signing_in: SigningIn = request.app.state.identity.signing_in
    return signing_in
