"""Accepting an invitation, which nobody has to be signed in for."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from api.answers.invitations import AcceptedInvitation
from api.bodies import body
from api.commands import JSON
from api.identity.addresses import address
from api.identity.describing import describe_body
from api.identity.inputs import Password, Short
from api.openapi import BODY_ERRORS, PUBLIC, answers
from api.process import process
from write_model.kernel.texts import PersonName
from write_model.membership.membership import membership_stream

router = APIRouter(prefix="/v1/auth/invitation", tags=["Signing in"])


class InvitationAnswer(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    token: Short
    """The one that was handed to you."""
    password: Password
    """The one that you choose; where you have an account here already, its password."""
    name: PersonName | None = None
    """How you want to be called there; as you were invited when left out."""


@router.post(
    "",
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
