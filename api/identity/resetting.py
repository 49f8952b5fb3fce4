"""Routes for somebody who has forgotten his password: an administrator vouches, he sets another."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from api.accesses import shown
from api.admission import admitted
from api.answers.invitations import Offer
from api.bodies import body
from api.identity.addresses import address
from api.identity.describing import describe_body, describe_change
from api.identity.inputs import Password, Short
from api.identity.promised import Nothing, promised, shown_once
from api.openapi import BODY_ERRORS, PUBLIC, answers
from api.process import process
from write_model.kernel.passes import Pass

router = APIRouter(prefix="/v1", tags=["Signing in"])

_MANAGE = "members.manage"


class ResetPassword(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    token: Short
    """The one that was handed to you."""
    new_password: Password
    """The one from now on."""


@router.post(
    "/members/{member}/password-reset",
    status_code=201,
    openapi_extra=describe_change(_MANAGE, responses=answers(Offer, 201)),
)
async def offer_reset(request: Request, member: UUID) -> Response:
    """Enable a member to set another password: hand over the token of the answer.

    It is good for one hour and for one use, and the next one made for the same member replaces it.
    Nothing is sent by mail. The member must belong to no other organization; for who does, the
    operator of the server makes one. Only an owner does it for an owner.
    """
    resets = process(request).identity.resets
    async with admitted(request, _MANAGE) as actor:
        _, key, expected = await promised(request, actor, Nothing)
        offered = await resets.offer(member, by=actor, key=key, expected=expected)
        shown(request, actor, _MANAGE)
    return shown_once(offer(offered.offered), replayed=offered.is_replayed)


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
        await process(request).identity.redeeming.reset(
            given.token, given.new_password, address=address(request)
        )
    return Response(status_code=204)


def offer(offered: Pass | None) -> dict[str, object]:
    if offered is None:
        return {"token": None, "expires_at": None}
    return {"token": offered.token, "expires_at": offered.expires_at}
