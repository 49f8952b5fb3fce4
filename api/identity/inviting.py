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
    OfferedInvitation,
)
from api.commands import JSON
from api.identity.addresses import address
from api.identity.describing import describe_body
from api.identity.identity import Identity
from api.identity.inputs import Password, Short
from api.identity.resetting import NOT_KEPT, offer
from api.openapi import (
    BODY_ERRORS,
    PERMISSION,
    PUBLIC,
    QUERY_ERRORS,
    answers,
    describe_query,
    problems,
)
from api.process import process
from api.reads import only
from api.requests import body, caller
from write_model.accounts import NewMember
from write_model.kernel.access import Role
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
_INVITING = ("unauthenticated", "forbidden", "illegal_transition", "conflict", "subject_erased")


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
    openapi_extra=describe_body(
        _ADMINISTER,
        NewOrganization,
        responses=answers(FoundedOrganization, 201),
        errors=(*BODY_ERRORS, *_INVITING),
    ),
)
async def found(request: Request) -> Response:
    """Found another organization and invite its first owner.

    Only administrators of the first organization, which operates the server, may do it.
    """
    async with admitted(request, _ADMINISTER) as actor:
        identity = process(request).identity
        if actor.tenant != first_tenant(identity.accounts.master):
            message = "Only the organization that operates this server founds others."
            raise Forbidden(_ADMINISTER, message)
        given = await body(request, NewOrganization)
        owner = NewMember(given.owner.name, given.owner.email, frozenset({Role.OWNER}))
        tenant, invited = await identity.invitations.found(given.name, owner, by=actor)
    return _offered({**offer(invited.offered), "id": invited.subject, "organization": tenant})


@router.post(
    "/invitations",
    status_code=201,
    tags=["People"],
    openapi_extra=describe_body(
        _MANAGE,
        InvitedMember,
        responses=answers(OfferedInvitation, 201),
        errors=(*BODY_ERRORS, *_INVITING),
    ),
)
async def invite(request: Request) -> Response:
    """Ask a person into your organization: hand over the token of the answer.

    It is good for seven days and for one use. Nothing is sent by mail.
    """
    async with admitted(request, _MANAGE) as actor:
        given = await body(request, InvitedMember)
        member = NewMember(given.name, given.email, given.roles, given.until, given.teams)
        invited = await process(request).identity.invitations.invite(member, by=actor)
    return _offered({**offer(invited.offered), "id": invited.subject})


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
    openapi_extra={
        PERMISSION: _MANAGE,
        "responses": {
            **answers(OfferedInvitation, 201),
            **problems((*QUERY_ERRORS, "not_found", "illegal_transition")),
        },
    },
)
async def renew(request: Request, member: UUID) -> Response:
    """Make another token for an invitation; the older one is no longer good."""
    async with admitted(request, _MANAGE) as actor:
        offered = await process(request).identity.invitations.offer_again(member, by=actor)
    return _offered({**offer(offered), "id": member})


@router.delete(
    "/invitations/{member}",
    status_code=204,
    tags=["People"],
    openapi_extra={
        PERMISSION: _MANAGE,
        "responses": {
            "204": {"description": "It cannot be accepted any more."},
            **problems(
                (
                    *QUERY_ERRORS,
                    "not_found",
                    "illegal_transition",
                    "conflict",
                )
            ),
        },
    },
)
async def withdraw(request: Request, member: UUID) -> Response:
    """Withdraw an invitation that was not accepted."""
    async with admitted(request, _MANAGE) as actor:
        await process(request).identity.invitations.withdraw(member, by=actor)
    return Response(status_code=204)


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
        holder, receipt = await process(request).identity.signing_in.accept(
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
    states = [await identity.accounts.membership(tenant, one) for one in subjects]
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
        for each, state in zip(found, states, strict=True)
        if state.standing is Standing.INVITED  # and was not removed as a member
    ]


def _offered(content: dict[str, Any]) -> Response:
    return Response(to_json({**content, "status": "invited"}), 201, NOT_KEPT, JSON)
