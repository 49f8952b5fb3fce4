"""Routes for signing in at an identity provider instead of by password."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from api.answers.identity_providers import ToProvider
from api.answers.signing_in import Tokens
from api.bodies import body
from api.commands import JSON
from api.identity.addresses import address
from api.identity.auth import tokens_answer
from api.identity.describing import SIGNING_IN_ERRORS, describe_body
from api.identity.inputs import Code, Long, Short
from api.identity.oidc.dialogue import Begun, CameBack
from api.identity.promised import NOT_KEPT
from api.openapi import BODY_ERRORS, PUBLIC, answers
from api.process import process

router = APIRouter(prefix="/v1/auth/oidc", tags=["Signing in"])


class Start(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    redirect_address: Short | None = None
    """Where the provider sends the browser; the first that was set when left out."""


class Return(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    flow: Long
    """What the start has answered, as the page that began has kept it."""
    state: Short
    """As it stands in the address that the provider sent the browser to."""
    code: Long
    """As it stands there."""
    iss: Short | None = None
    """As it stands there, if it does."""
    totp: Code | None = None
    """A code of your authenticator app, or a recovery code, if you have a second factor here."""

    def came_back(self) -> CameBack:
        return CameBack(self.flow, self.state, self.code, self.iss, self.totp)


@router.post(
    "/{provider}/start",
    openapi_extra=describe_body(
        PUBLIC,
        Start,
        responses=answers(ToProvider, 200),
        errors=(*BODY_ERRORS, "not_found", "rate_limited"),
    ),
)
async def start(request: Request, provider: UUID) -> Response:
    """Begin to sign in at an identity provider that your organization trusts.

    Keep `flow` in the page that began, such as in its session storage, and go to `address`. The
    provider sends the browser back with `state` and `code`, which are good for ten minutes.
    """
    given = await body(request, Start)
    begun = await process(request).identity.elsewhere.begin(
        provider, given.redirect_address, origin=address(request)
    )
    return to_provider(begun)


@router.post(
    "/{provider}/callback",
    openapi_extra=describe_body(
        PUBLIC,
        Return,
        responses=answers(Tokens, 200),
        errors=(
            *SIGNING_IN_ERRORS,
            "second_factor_required",
            "not_found",
            "rate_limited",
        ),
    ),
)
async def callback(request: Request, provider: UUID) -> Response:
    """Sign in with what the identity provider has sent the browser back with.

    You are told by the provider's subject, the first time by an e-mail address that it has
    verified, and must be an active member already. A second factor that you have here is asked for
    all the same: begin once more and send its code along. Owners sign in only through a provider
    that an owner has set.
    """
    given = await body(request, Return)
    signed_in = await process(request).identity.elsewhere.finish(
        provider, given.came_back(), origin=address(request)
    )
    return tokens_answer(signed_in)


def to_provider(begun: Begun) -> Response:
    content = {"address": begun.address, "flow": begun.flow}
    return Response(to_json(content), 200, NOT_KEPT, JSON)
