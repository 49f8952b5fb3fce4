"""Routes for the members of an organization: who may act in it, in which roles."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from api.accesses import shown
from api.admission import admitted
from api.answers.people import JoinedMember, Me, Members, MemberThen
from api.answers.receipts import MemberReceipt
from api.commands import JSON, answered
from api.identity.describing import KEYED_ERRORS, describe_body
from api.identity.identity import Identity
from api.identity.inputs import Password
from api.openapi import AS_OF, IDEMPOTENCY_KEY, answers, describe_command, describe_query
from api.process import process
from api.promises import promises
from api.reads import only
from api.requests import (
    caller,
    correlation,
    parsed,
    raw_body,
)
from read_model.queries.asking import time_of
from write_model.accounts import NewMember
from write_model.kernel.access import Actor
from write_model.kernel.credentials import FIRST_PASSWORDS_LIVE
from write_model.kernel.errors import NotFound
from write_model.kernel.messages import IdempotencyKey, Receipt
from write_model.kernel.texts import PersonName
from write_model.membership.commands import (
    ChangeRoles,
    MembershipCommand,
    ReinstateMember,
    RemoveMember,
    Roles,
    SuspendMember,
    Teams,
    Until,
)
from write_model.membership.membership import Membership, Standing, membership_stream
from write_model.user.commands import Email

router = APIRouter(prefix="/v1", tags=["People"])


class AddedMember(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    email: Email
    """What the person signs in with; it is kept sealed."""
    name: PersonName
    """It is kept sealed, and shown to the organization."""
    roles: Roles
    """What the person may do here."""
    until: Until = None
    teams: Teams = None
    password: Password | None = None
    """Made up, good for seven days and answered once when left out."""


@router.get("/me", openapi_extra=describe_query("people.read", answer=Me))
async def me(request: Request) -> Response:
    """Who you are here, and what you may do."""
    with process(request).budgets.queries:
        actor = await caller(request, "people.read")
        only(request)
        names = await _identity(request).people.names(actor.tenant, [actor.id])
    return _json(
        {
            "id": actor.id,
            "name": names.get(actor.id),
            "organization": actor.tenant,
            "roles": sorted(actor.roles),
            "until": actor.until,
            "teams": _sorted(actor.teams),
        }
    )


@router.get("/members", openapi_extra=describe_query("members.manage", answer=Members))
async def members(request: Request) -> Response:
    """Everyone who was ever added to the organization, in that order."""
    with process(request).budgets.queries:
        actor = await caller(request, "members.manage")
        only(request)
        items = await _members(_identity(request), actor.tenant)
        shown(request, actor, "members.manage")
    return _json({"items": items, "next_cursor": None})


@router.get(
    "/members/{member}",
    openapi_extra=describe_query("members.manage", AS_OF, answer=MemberThen, errors=("not_found",)),
)
async def member(request: Request, member: UUID) -> Response:
    """One member: which roles he holds, or held at any earlier moment.

    Read from the log itself; it counts when a change was recorded.
    """
    with process(request).budgets.queries:
        actor = await caller(request, "members.manage")
        only(request, "as_of")
        content = await _member_then(request, actor.tenant, member)
        shown(request, actor, "members.manage")
    return _json(content)


async def _member_then(request: Request, tenant: UUID, subject: UUID) -> dict[str, Any]:
    identity, moment = _identity(request), request.query_params.get("as_of")
    as_of = identity.clock() if moment is None else time_of(moment, "as_of")
    if moment is None:
        state, version = await identity.accounts.membership_and_version(tenant, subject)
    else:
        position = await process(request).questions.pasts.reached(tenant, as_of)
        state, version = await identity.accounts.membership_at(tenant, subject, position)
    if state.standing is Standing.NONE:
        raise NotFound
    names = await identity.people.names(tenant, [subject])
    emails = await identity.people.emails([subject])
    named = {"name": names.get(subject), "email": emails.get(subject)}
    return {**_member(state, version), **named, "as_of": as_of, "may_act": state.may_act(as_of)}


async def _members(identity: Identity, tenant: UUID) -> list[dict[str, Any]]:
    subjects = await identity.accounts.logins.members_of(tenant)
    names = await identity.people.names(tenant, subjects)
    emails = await identity.people.emails(subjects)
    found = await asyncio.gather(
        *(identity.accounts.membership_and_version(tenant, one) for one in subjects)
    )
    return [
        {**_member(state, version), "name": names.get(one), "email": emails.get(one)}
        for one, (state, version) in zip(subjects, found, strict=True)
        if state.standing is not Standing.NONE
    ]


@router.post(
    "/members",
    status_code=201,
    openapi_extra=describe_body(
        "members.manage",
        AddedMember,
        IDEMPOTENCY_KEY,
        responses=answers(JoinedMember, 200, 201),
        errors=(*KEYED_ERRORS, "illegal_transition"),
    ),
)
async def add_member(request: Request) -> Response:
    """Add a person with roles, who can sign in at once.

    A password made up here signs in for seven days: its owner sets another one by then, or is
    offered a reset. It is in this answer and, where the request had an `Idempotency-Key`, in its
    repetition until it is changed; it is kept nowhere. A person who has signed in to Tallystick
    before keeps the password, which is then null here.
    """
    async with admitted(request, "members.manage") as actor:
        content = await raw_body(request)
        added = parsed(content, AddedMember.model_validate_json)
        given, _ = await promises(request, actor, content, begins=True)
        key = _identity(request).kept_key(given)
        return await _added(_identity(request), added, actor, key)


async def _added(
    identity: Identity, added: AddedMember, actor: Actor, key: IdempotencyKey | None
) -> Response:
    accounts = identity.accounts
    new = NewMember(added.name, added.email, added.roles, added.until, added.teams)
    if added.password is not None:
        await identity.choosing.must_be_fit_for(new, actor.tenant, added.password, field="password")
        password, good_until = added.password, None
    else:
        password = accounts.made_up_password(actor, key)
        good_until = identity.clock() + FIRST_PASSWORDS_LIVE
    joined = await accounts.join(new, password, by=actor, key=key, good_until=good_until)
    await accounts.settle(joined)
    shown = password if joined.sets_password and added.password is None else None
    receipt = joined.receipt
    if receipt.replayed:  # Not as he is by now: a repetition is told what the first answer told.
        state = Membership(
            Standing.ACTIVE, joined.subject, roles=added.roles, until=added.until, teams=added.teams
        )
    else:
        state = await accounts.membership(actor.tenant, joined.subject)
    member = _member(state, receipt.version)
    content = {**member, "position": receipt.position, "password": shown}
    return answered(receipt, to_json(content))


@router.post(
    "/members/{member}/roles", openapi_extra=describe_command(ChangeRoles, answer=MemberReceipt)
)
async def change_roles(request: Request, member: UUID) -> Response:
    return await _handled(request, member, ChangeRoles)


@router.post(
    "/members/{member}/suspend", openapi_extra=describe_command(SuspendMember, answer=MemberReceipt)
)
async def suspend(request: Request, member: UUID) -> Response:
    return await _handled(request, member, SuspendMember)


@router.post(
    "/members/{member}/reinstate",
    openapi_extra=describe_command(ReinstateMember, answer=MemberReceipt),
)
async def reinstate(request: Request, member: UUID) -> Response:
    return await _handled(request, member, ReinstateMember)


@router.post(
    "/members/{member}/remove", openapi_extra=describe_command(RemoveMember, answer=MemberReceipt)
)
async def remove(request: Request, member: UUID) -> Response:
    return await _handled(request, member, RemoveMember)


async def _handled(request: Request, subject: UUID, kind: type[MembershipCommand]) -> Response:
    identity = _identity(request)
    async with admitted(request) as actor:
        content = await raw_body(request)
        key, expected = await promises(request, actor, content)
        receipt = await identity.accounts.write_model.handle(
            membership_stream(actor.tenant, subject),
            parsed(content, kind.model_validate_json),
            by=actor,
            expected=expected,
            key=identity.kept_key(key),
            correlation=correlation(request),
        )
    return _done(subject, receipt)


def _member(state: Membership, version: int) -> dict[str, Any]:
    return {
        "id": state.subject,
        "version": version,
        "status": state.standing,
        "roles": sorted(state.roles),
        "until": state.until,
        "teams": _sorted(state.teams),
    }


def _sorted(teams: frozenset[str] | None) -> list[str] | None:
    return None if teams is None else sorted(teams)


def _identity(request: Request) -> Identity:
    return process(request).identity


def _done(subject: UUID, receipt: Receipt) -> Response:
    content = {"id": subject, "version": receipt.version, "position": receipt.position}
    return answered(receipt, to_json(content))


def _json(content: dict[str, Any]) -> Response:
    return Response(to_json(content), media_type=JSON)
