"""Routes for somebody who has forgotten his password: an administrator vouches, he sets another."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from api.accesses import shown
from api.admission import admitted
from api.answers.people import Offer
from api.commands import JSON
from api.identity.addresses import address
from api.identity.describing import describe_body
from api.identity.inputs import Password, Short
from api.openapi import BODY_ERRORS, PERMISSION, PUBLIC, QUERY_ERRORS, answers, problems
from api.process import process
from api.requests import body
from write_model.kernel.passes import Pass

router = APIRouter(prefix="/v1", tags=["Signing in"])

_MANAGE = "members.manage"
NOT_KEPT = {"Cache-Control": "no-store"}


class ResetPassword(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    token: Short
    """The one that was handed to you."""
    new_password: Password
    """The one from now on."""


@router.post(
    "/members/{member}/password-reset",
    status_code=201,
    openapi_extra={
        PERMISSION: _MANAGE,
        "responses": {
            **answers(Offer, 201),
            **problems(
                (
                    *QUERY_ERRORS,
                    "segregation_of_duties",
                    "not_found",
                    "illegal_transition",
                    "conflict",
                    "subject_erased",
                )
            ),
        },
    },
)
async def offer_reset(request: Request, member: UUID) -> Response:
    """Enable a member to set another password: hand over the token of the answer.

    It is good for one hour and for one use, and the next one made for the same member replaces it.
    Nothing is sent by mail. The member must belong to no other organization; for who does, the
    operator of the server makes one. Only an owner does it for an owner.
    """
    async with admitted(request, _MANAGE) as actor:
        offered = await process(request).identity.resets.offer(member, by=actor)
        shown(request, actor, _MANAGE)
    return Response(to_json(offer(offered)), 201, NOT_KEPT, JSON)


@router.post(
    "/auth/password-reset",
    status_code=204,
    openapi_extra=describe_body(
        PUBLIC,
        ResetPassword,
        responses={"204": {"description": "It is set, and every sign-in has ended."}},
        errors=(*BODY_ERRORS, "rate_limited", "conflict", "subject_erased"),
    ),
)
async def reset_password(request: Request) -> Response:
    """Set another password with the token of a reset; every sign-in of yours ends."""
    with process(request).budgets.commands:
        given = await body(request, ResetPassword)
        await process(request).identity.signing_in.reset_password(
            given.token, given.new_password, address=address(request)
        )
    return Response(status_code=204)


def offer(offered: Pass) -> dict[str, object]:
    return {"token": offered.token, "expires_at": offered.expires_at}
