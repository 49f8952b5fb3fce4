"""Routes for the members of an organization: who may act in it, in which roles."""

import asyncio
import secrets
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import to_json

from api.identity.describing import describe_body
from api.identity.identity import Identity
from api.openapi import describe_command, describe_query
from api.requests import body, caller, expected_version
from write_model.accounts import NewMember
from write_model.kernel.messages import Receipt
from write_model.kernel.texts import PersonName
from write_model.membership.commands import (
    ChangeRoles,
    MembershipCommand,
    ReinstateMember,
    RemoveMember,
    Roles,
    SuspendMember,
)
from write_model.membership.membership import Membership, Standing, membership_stream
from write_model.user.commands import Email

router = APIRouter(prefix="/v1", tags=["People"])

Password = Annotated[str, StringConstraints(min_length=12, max_length=1_024)]


class AddedMember(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email
    name: PersonName
    roles: Roles
    password: Password | None = Field(None, description="Made up and answered once when left out.")


@router.get("/me", openapi_extra=describe_query("people.read"))
async def me(request: Request) -> Response:
    """Who you are here, and what you may do."""
    actor = await caller(request, "people.read")
    names = await _identity(request).people.names(actor.tenant, [actor.id])
    return _json(
        {
            "id": actor.id,
            "name": names.get(actor.id),
            "organization": actor.tenant,
            "roles": sorted(actor.roles),
        }
    )


@router.get("/members", openapi_extra=describe_query("members.manage"))
async def members(request: Request) -> Response:
    """Everyone who was ever added to the organization, in that order."""
    actor = await caller(request, "members.manage")
    identity = _identity(request)
    subjects = await identity.accounts.logins.members_of(actor.tenant)
    names = await identity.people.names(actor.tenant, subjects)
    emails = await identity.people.emails(subjects)
    asked = (identity.accounts.membership(actor.tenant, one) for one in subjects)
    states = await asyncio.gather(*asked)
    items = [
        {**_member(state), "name": names.get(one), "email": emails.get(one)}
        for one, state in zip(subjects, states, strict=True)
        if state.standing is not Standing.NONE
    ]
    return _json({"items": items, "next_cursor": None})


@router.post(
    "/members", status_code=201, openapi_extra=describe_body("members.manage", AddedMember)
)
async def add_member(request: Request) -> Response:
    """Add a person with roles, who can sign in at once.

    A password made up here is in this answer and nowhere else. A person who has signed in to
    Tallystick before keeps the password, which is then null here.
    """
    actor = await caller(request, "members.manage")
    added = await body(request, AddedMember)
    accounts = _identity(request).accounts
    password = added.password or secrets.token_urlsafe(18)
    member = NewMember(added.name, added.email, added.roles)
    joined = await accounts.join(member, password, by=actor)
    await accounts.settle(joined)
    shown = password if joined.sets_password and added.password is None else None
    state = await accounts.membership(actor.tenant, joined.subject)
    return _json({**_member(state), "password": shown}, status_code=201)


@router.post("/members/{member}/roles", openapi_extra=describe_command(ChangeRoles))
async def change_roles(request: Request, member: UUID) -> Response:
    return await _handled(request, member, ChangeRoles)


@router.post("/members/{member}/suspend", openapi_extra=describe_command(SuspendMember))
async def suspend(request: Request, member: UUID) -> Response:
    return await _handled(request, member, SuspendMember)


@router.post("/members/{member}/reinstate", openapi_extra=describe_command(ReinstateMember))
async def reinstate(request: Request, member: UUID) -> Response:
    return await _handled(request, member, ReinstateMember)


@router.post("/members/{member}/remove", openapi_extra=describe_command(RemoveMember))
async def remove(request: Request, member: UUID) -> Response:
    return await _handled(request, member, RemoveMember)


async def _handled(request: Request, subject: UUID, kind: type[MembershipCommand]) -> Response:
    actor = await caller(request)
    command = await body(request, kind)
    stream = membership_stream(actor.tenant, subject)
    receipt = await _identity(request).accounts.write_model.handle(
        stream, command, by=actor, expected=expected_version(request)
    )
    return _done(subject, receipt)


def _member(state: Membership) -> dict[str, Any]:
    return {"id": state.subject, "status": state.standing, "roles": sorted(state.roles)}


def _identity(request: Request) -> Identity:
    identity: Identity = request.app.state.identity
    return identity


def _done(subject: UUID, receipt: Receipt) -> Response:
    answer = {"id": subject, "version": receipt.version, "position": receipt.position}
    headers = {"ETag": f'"{receipt.version}"', "X-Position": str(receipt.position)}
    return Response(to_json(answer), media_type="application/json", headers=headers)


def _json(content: dict[str, Any], *, status_code: int = 200) -> Response:
    return Response(to_json(content), status_code, media_type="application/json")
