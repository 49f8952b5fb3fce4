"""Routes for the members of an organization: who may act in it, in which roles."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.accesses import shown
from api.admission import admitted
from api.answers.people import Members, MemberThen
from api.answers.receipts import MemberReceipt
from api.callers import caller
from api.commands import JSON, answered
from api.identity.identity import Identity
from api.identity.paging import ASKED, IN_PAGES, listed, page
from api.identity.promised import promised
from api.openapi import AS_OF, describe_command, describe_query
from api.process import process
from api.reads import only
from api.request_headers import correlation
from read_model.queries.asking import time_of
from write_model.kernel.errors import NotFound
from write_model.kernel.messages import Receipt
from write_model.membership.commands import (
    ChangeRoles,
    MembershipCommand,
    ReinstateMember,
    RemoveMember,
    SuspendMember,
)
from write_model.membership.membership import Membership, Standing, membership_stream

router = APIRouter(prefix="/v1/members", tags=["People"])

_MANAGE = "members.manage"


@router.get("", openapi_extra=describe_query(_MANAGE, *IN_PAGES, answer=Members))
async def members(request: Request) -> Response:
    """Everyone who was ever added to the organization, in that order."""
    with process(request).budgets.queries:
        actor = await caller(request, _MANAGE)
        only(request, *ASKED)
        identity = _identity(request)
        seats, cursor = await page(request, actor.tenant, identity.accounts.logins.members_of)
        items = await _members(identity, actor.tenant, [each.user for each in seats])
        shown(request, actor, _MANAGE)
    return listed(request, items, cursor)


@router.get(
    "/{member}",
    openapi_extra=describe_query(_MANAGE, AS_OF, answer=MemberThen, errors=("not_found",)),
)
async def member(request: Request, member: UUID) -> Response:
    """One member: which roles he holds, or held at any earlier moment.

    Read from the log itself; it counts when a change was recorded.
    """
    with process(request).budgets.queries:
        actor = await caller(request, _MANAGE)
        only(request, "as_of")
        content = await _member_then(request, actor.tenant, member)
        shown(request, actor, _MANAGE)
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


async def _members(identity: Identity, tenant: UUID, subjects: list[UUID]) -> list[dict[str, Any]]:
    names = await identity.people.names(tenant, subjects)
    emails = await identity.people.emails(subjects)
    found = await identity.accounts.memberships(tenant, subjects)
    return [
        {**_member(state, version), "name": names.get(one), "email": emails.get(one)}
        for one, (state, version) in zip(subjects, found, strict=True)
        if state.standing is not Standing.NONE  # as long as he is being added
    ]


@router.post("/{member}/roles", openapi_extra=describe_command(ChangeRoles, answer=MemberReceipt))
async def change_roles(request: Request, member: UUID) -> Response:
    return await _handled(request, member, ChangeRoles)


@router.post(
    "/{member}/suspend", openapi_extra=describe_command(SuspendMember, answer=MemberReceipt)
)
async def suspend(request: Request, member: UUID) -> Response:
    return await _handled(request, member, SuspendMember)


@router.post(
    "/{member}/reinstate",
    openapi_extra=describe_command(ReinstateMember, answer=MemberReceipt),
)
async def reinstate(request: Request, member: UUID) -> Response:
    return await _handled(request, member, ReinstateMember)


@router.post("/{member}/remove", openapi_extra=describe_command(RemoveMember, answer=MemberReceipt))
async def remove(request: Request, member: UUID) -> Response:
    return await _handled(request, member, RemoveMember)


async def _handled(request: Request, subject: UUID, kind: type[MembershipCommand]) -> Response:
    identity = _identity(request)
    async with admitted(request) as actor:
        command, key, expected = await promised(request, actor, kind)
        receipt = await identity.accounts.write_model.handle(
            membership_stream(actor.tenant, subject),
            command,
            by=actor,
            expected=expected,
            key=key,
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
        "teams": None if state.teams is None else sorted(state.teams),
    }


def _identity(request: Request) -> Identity:
    return process(request).identity


def _done(subject: UUID, receipt: Receipt) -> Response:
    content = {"id": subject, "version": receipt.version, "position": receipt.position}
    return answered(receipt, to_json(content))


def _json(content: dict[str, Any]) -> Response:
    return Response(to_json(content), media_type=JSON)
