"""The route to prove once more who one is, before signing and before what is dear to thieves."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from api.answers.signing_in import ProofToken
from api.bodies import body
from api.commands import JSON
from api.identity.addresses import address
from api.identity.describing import SIGNING_IN_ERRORS, describe_body
from api.identity.inputs import Code, Short
from api.identity.own import OWN, himself
from api.identity.promised import NOT_KEPT
from api.identity.sessions import current_sign_in
from api.openapi import answers
from api.process import process
from write_model.kernel.access import PROVEN_FOR

router = APIRouter(prefix="/v1/auth", tags=["Signing in"])


class Proof(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    password: Short
    """The one that you sign in with."""
    totp: Code | None = None
    """A code of your authenticator app, or a recovery code, if you have a second factor."""


@router.post(
    "/reauthenticate",
    openapi_extra=describe_body(
        OWN,
        Proof,
        responses=answers(ProofToken, 200),
        errors=(*SIGNING_IN_ERRORS, "forbidden", "second_factor_required", "rate_limited"),
    ),
)
async def reauthenticate(request: Request) -> Response:
    """Prove once more who you are: for five minutes, by another access token of this sign-in.

    Whatever answers 403 `reauthentication_required` is asked again with it. It ends with the
    sign-in, and cannot be renewed.
    """
    async with himself(request) as actor:
        given = await body(request, Proof)
        token = await process(request).identity.own_password.prove(
            actor,
            given.password,
            current_sign_in(request),
            code=given.totp,
            address=address(request),
        )
    return proof_answer(token)


def proof_answer(token: str) -> Response:
    content = {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": int(PROVEN_FOR.total_seconds()),
    }
    return Response(to_json(content), 200, NOT_KEPT, JSON)
