"""Routes that ask people in: to one's own organization, or as the first owner of another one."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from api.accesses import shown
from api.admission import admitted
from api.answers.people import (
    AcceptedInvitation,
    FoundedOrganization,
    Invitations,
    OfferedMembership,
)
from api.commands import JSON, receipt_headers
from api.identity.addresses import address
from api.identity.describing import describe_body, describe_change
from api.identity.identity import Identity
from api.identity.inputs import Password, Short
from api.identity.promised import Nothing, promised, shown_once, shown_once_of
from api.identity.resetting import offer
from api.openapi import BODY_ERRORS, PUBLIC, answers, describe_query
from api.process import process
from api.reads import only
from api.requests import body, caller
from write_model.accounts import NewMember
from write_model.invitations import Invited
from write_model.kernel.access import Actor, Role
from write_model.kernel.errors import Forbidden
from write_model.kernel.passes import Open, invitations_of
from write_model.kernel.texts import PersonName
from write_model.membership.commands import Roles, Teams, Until
from write_model.membership.membership import Standing, membership_stream
from write_model.organization.commands import Name
from write_model.organization.first import first_tenant
from write_model.user.commands import Email

router = APIRouter(prefix="/v1")

_MANAGE = "members.manage"
_ADMINISTER = "organization.administer"


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


class NewOrganization(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: Name
    """What it is called."""
    owner: InvitedPerson
    """Who is asked to be its first owner."""


class InvitationAnswer(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    token: Short
    """The one that was handed to you."""
    password: Password
    """The one that you choose; where you have an account here already, its password."""
    name: PersonName | None = None
    """How you want to be called there; as you were invited when left out."""


@router.post(
    "/organizations",
    status_code=201,
    tags=["Organizations"],
    openapi_extra=describe_change(
        _ADMINISTER, NewOrganization, responses=answers(FoundedOrganization, 201), begins=True
    ),
)
async def found(request: Request) -> Response:
    """Found another organization and invite its first owner.

    Only administrators of the first organization, which operates the server, may do it. An
    `Idempotency-Key` of one of them founds one organization, however long it is kept.
    """
    identity = process(request).identity
    async with admitted(request, _ADMINISTER) as actor:
        _must_operate(actor, identity)
        given, key, _ = await promised(request, actor, NewOrganization, begins=True)
        owner = NewMember(given.owner.name, given.owner.email, frozenset({Role.OWNER}))
        tenant, invited = await identity.invitations.found(given.name, owner, by=actor, key=key)
    # Neither version nor position: both would be of another organization than one's own.
    content = {**_content(invited), "organization": tenant}
    return shown_once(content, replayed=invited.receipt.replayed)


@router.post(
    "/invitations",
    status_code=201,
    tags=["People"],
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


@router.get(
    "/invitations", tags=["People"], openapi_extra=describe_query(_MANAGE, answer=Invitations)
)
async def invitations(request: Request) -> Response:
    """Invitations that were neither accepted nor withdrawn, the oldest first."""
    at = process(request)
    with at.budgets.queries:
        actor = await caller(request, _MANAGE)
        only(request)
        found = await invitations_of(at.pool, actor.tenant)
        items = await _items(at.identity, actor.tenant, found)
        shown(request, actor, _MANAGE)
    return Response(to_json({"items": items, "next_cursor": None}), media_type=JSON)


@router.post(
    "/invitations/{member}/renew",
    status_code=201,
    tags=["People"],
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
    "/invitations/{member}",
    status_code=204,
    tags=["People"],
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


@router.post(
    "/auth/invitation",
    tags=["Signing in"],
    openapi_extra=describe_body(
        PUBLIC,
        InvitationAnswer,
        responses=answers(AcceptedInvitation, 200),
        errors=(
            *BODY_ERRORS,
            "rate_limited",
            "not_found",
            "illegal_transition",
            "conflict",
            "subject_erased",
        ),
    ),
)
async def accept(request: Request) -> Response:
    """Accept an invitation with its token, and sign in with your password from then on."""
    with process(request).budgets.commands:
        given = await body(request, InvitationAnswer)
        holder, receipt = await process(request).identity.redeeming.accept(
            given.token, given.password, given.name, address=address(request)
        )
        # At once here; elsewhere the log's tail tells of the name.
        identity = process(request).identity
        identity.people.evict(membership_stream(holder.tenant, holder.user))
    content = {
        "id": holder.user,
        "organization": holder.tenant,
        "version": receipt.version,
        "position": receipt.position,
    }
    return Response(to_json(content), media_type=JSON)


async def _items(identity: Identity, tenant: UUID, found: list[Open]) -> list[dict[str, Any]]:
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


def _must_operate(actor: Actor, identity: Identity) -> None:
    if actor.tenant != first_tenant(identity.accounts.master):
        message = "Only the organization that operates this server founds others."
        raise Forbidden(_ADMINISTER, message)


def _offered(invited: Invited) -> Response:
    receipt = invited.receipt
    content = {"version": receipt.version, "position": receipt.position, **_content(invited)}
    return shown_once_of(receipt, content)


def _content(invited: Invited) -> dict[str, object]:
    return {**offer(invited.offered), "id": invited.subject, "status": "invited"}
