"""Founding other organizations, for who operates the server."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from api.admission import admitted
from api.answers.invitations import FoundedOrganization
from api.identity.describing import describe_change
from api.identity.identity import Identity
from api.identity.inviting import InvitedPerson, told
from api.identity.promised import promised, shown_once
from api.openapi import answers
from api.process import process
from write_model.accounts import NewMember
from write_model.kernel.access import Actor, Role
from write_model.kernel.errors import Forbidden
from write_model.organization.commands import Name
from write_model.organization.first import first_tenant

router = APIRouter(prefix="/v1/organizations", tags=["Organizations"])

_ADMINISTER = "organization.administer"


class NewOrganization(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: Name
    """What it is called."""
    owner: InvitedPerson
    """Who is asked to be its first owner."""


@router.post(
    "",
    status_code=201,
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
    content = {**told(invited), "organization": tenant}
    return shown_once(content, replayed=invited.receipt.replayed)


def _must_operate(actor: Actor, identity: Identity) -> None:
    if actor.tenant != first_tenant(identity.accounts.master):
        message = "Only the organization that operates this server founds others."
        raise Forbidden(_ADMINISTER, message)
