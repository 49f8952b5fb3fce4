"""Routes that ask people into one's own organization."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from api.admission import admitted
from api.answers.invitations import OfferedMembership
from api.commands import receipt_headers
from api.identity.describing import describe_change
from api.identity.promised import Nothing, promised, shown_once_of
from api.identity.resetting import offer
from api.openapi import answers
from api.process import process
from write_model.accounts import NewMember
from write_model.invitations import Invited
from write_model.kernel.texts import PersonName
from write_model.membership.commands import Roles, Teams, Until
from write_model.user.commands import Email

router = APIRouter(prefix="/v1/invitations", tags=["People"])

_MANAGE = "members.manage"


class InvitedPerson(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    email: Email
    """What the person will sign in with; it is kept sealed."""
    name: PersonName
    """As you call the person, who may say otherwise when accepting; it is kept sealed."""


class InvitedMember(InvitedPerson):
    roles: Roles
    """What the person may do here."""
    until: Until = None
    teams: Teams = None


@router.post(
    "",
    status_code=201,
    openapi_extra=describe_change(
        _MANAGE, InvitedMember, responses=answers(OfferedMembership, 201), begins=True
    ),
)
async def invite(request: Request) -> Response:
    """Ask a person into your organization: hand over the token of the answer.

    It is good for seven days and for one use. Nothing is sent by mail. Whether the person has an
    account on this server already is not told; who has accepts with its password. Sent again with
    its `Idempotency-Key` the token is the same, and null once it is no longer good.
    """
    invitations = process(request).identity.invitations
    async with admitted(request, _MANAGE) as actor:
        given, key, _ = await promised(request, actor, InvitedMember, begins=True)
        member = NewMember(given.name, given.email, given.roles, given.until, given.teams)
        invited = await invitations.invite(member, by=actor, key=key)
    return _offered(invited)


@router.post(
    "/{member}/renew",
    status_code=201,
    openapi_extra=describe_change(_MANAGE, responses=answers(OfferedMembership, 201)),
)
async def renew(request: Request, member: UUID) -> Response:
    """Make another token for an invitation; the older one is no longer good."""
    invitations = process(request).identity.invitations
    async with admitted(request, _MANAGE) as actor:
        _, key, expected = await promised(request, actor, Nothing)
        invited = await invitations.renew(member, by=actor, key=key, expected=expected)
    return _offered(invited)


@router.delete(
    "/{member}",
    status_code=204,
    openapi_extra=describe_change(
        _MANAGE, responses={"204": {"description": "It cannot be accepted any more."}}
    ),
)
async def withdraw(request: Request, member: UUID) -> Response:
    """Withdraw an invitation that was not accepted."""
    invitations = process(request).identity.invitations
    async with admitted(request, _MANAGE) as actor:
        _, key, expected = await promised(request, actor, Nothing)
        receipt = await invitations.withdraw(member, by=actor, key=key, expected=expected)
    return Response(status_code=204, headers=receipt_headers(receipt))


def told(invited: Invited) -> dict[str, object]:
    """Whom the invitation is for, and its token."""
    return {**offer(invited.offered), "id": invited.subject, "status": "invited"}


def _offered(invited: Invited) -> Response:
    receipt = invited.receipt
    content = {"version": receipt.version, "position": receipt.position, **told(invited)}
    return shown_once_of(receipt, content)
