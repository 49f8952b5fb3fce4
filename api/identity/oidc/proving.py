"""Routes to prove once more who one is, at an identity provider instead of by password."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from api.answers.identity_providers import ToProvider
from api.answers.signing_in import ProofToken
from api.bodies import body
from api.identity.addresses import address
from api.identity.describing import SIGNING_IN_ERRORS, describe_body
from api.identity.oidc.through_provider import Return, Start, to_provider
from api.identity.own import OWN, himself
from api.identity.reauthenticating import proof_answer
from api.identity.sessions import current_sign_in
from api.openapi import answers
from api.process import process

router = APIRouter(prefix="/v1/auth/reauthenticate", tags=["Signing in"])

_PROVING = (*SIGNING_IN_ERRORS, "forbidden", "not_found", "rate_limited")


@router.post(
    "/{provider}/start",
    openapi_extra=describe_body(OWN, Start, responses=answers(ToProvider, 200), errors=_PROVING),
)
async def start(request: Request, provider: UUID) -> Response:
    """Begin to prove once more who you are at an identity provider of your organization.

    Go on as with `POST /v1/auth/oidc/{provider}/start`. The provider is asked to have you sign in
    there anew, whether or not you have already.
    """
    async with himself(request) as actor:
        given = await body(request, Start)
        begun = await process(request).identity.elsewhere.begin_proof(
            actor, provider, given.redirect_address, origin=address(request)
        )
    return to_provider(begun)


@router.post(
    "/{provider}/callback",
    openapi_extra=describe_body(
        OWN,
        Return,
        responses=answers(ProofToken, 200),
        errors=(*_PROVING, "second_factor_required", "subject_erased"),
    ),
)
async def callback(request: Request, provider: UUID) -> Response:
    """Prove it with what the identity provider has sent the browser back with.

    The answer is that of `POST /v1/auth/reauthenticate`. The provider must tell of you, and when
    you have signed in there (`auth_time`): after you began, and within the last five minutes.
    """
    async with himself(request) as actor:
        given = await body(request, Return)
        token = await process(request).identity.elsewhere.finish_proof(
            actor, provider, given.came_back(), current_sign_in(request), origin=address(request)
        )
    return proof_answer(token)
