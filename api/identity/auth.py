"""Routes for signing in, staying signed in, signing out, and another password."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from api.answers.signing_in import Tokens
from api.bodies import body
from api.identity.addresses import address
from api.identity.describing import SIGNING_IN_ERRORS, describe_body
from api.identity.inputs import Code, Password, Short
from api.identity.issuing import SignedIn
from api.identity.own import OWN, himself
from api.openapi import BODY_ERRORS, PUBLIC, answers
from api.process import process
from write_model.kernel.tokens import LIVES

router = APIRouter(prefix="/v1/auth", tags=["Signing in"])


class Credentials(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    email: Short
    """The address that you were added with."""
    password: Short
    """Yours, or the one that was made up for you."""
    totp: Code | None = None
    """A code of your authenticator app, or a recovery code, if you have a second factor."""
    organization: UUID | None = None
    """Where you will act; left out, the first one that you joined and are still a member of."""


class RefreshToken(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    refresh_token: Short
    """The latest that you were given."""


class PasswordChange(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    current_password: Short
    """The one that you sign in with now."""
    new_password: Password
    """The one from now on."""


@router.post(
    "/token",
    openapi_extra=describe_body(
        PUBLIC,
        Credentials,
        responses=answers(Tokens, 200),
        errors=(*SIGNING_IN_ERRORS, "second_factor_required", "rate_limited", "subject_erased"),
    ),
)
async def token(request: Request) -> Response:
    """Sign in with e-mail and password, and with a code where you have a second factor.

    401 `second_factor_required` says that the password was right and the code is missing, wrong or
    used already.
    """
    given = await body(request, Credentials)
    signed_in = await process(request).identity.signing_in.sign_in(
        given.email,
        given.password,
        given.totp,
        organization=given.organization,
        address=address(request),
    )
    return tokens_answer(signed_in)


@router.post(
    "/refresh",
    openapi_extra=describe_body(
        PUBLIC,
        RefreshToken,
        responses=answers(Tokens, 200),
        errors=(*SIGNING_IN_ERRORS, "rate_limited"),
    ),
)
async def refresh(request: Request) -> Response:
    """Exchange a refresh token, which is good for this once, for new tokens.

    A token that comes a second time ends its sign-in: one of its two holders has stolen it. A
    sign-in ends by itself 30 days after it began, or 14 days after it was renewed last.
    """
    given = await body(request, RefreshToken)
    return tokens_answer(
        await process(request).identity.refreshing.refresh(
            given.refresh_token, address=address(request)
        )
    )


@router.post(
    "/logout",
    status_code=204,
    openapi_extra=describe_body(
        PUBLIC,
        RefreshToken,
        responses={"204": {"description": "It has ended."}},
        errors=(*BODY_ERRORS, "rate_limited"),
    ),
)
async def logout(request: Request) -> Response:
    """End a sign-in: neither its refresh token nor its access tokens are good any more."""
    given = await body(request, RefreshToken)
    await process(request).identity.refreshing.sign_out(
        given.refresh_token, address=address(request)
    )
    return Response(status_code=204)


@router.post(
    "/password",
    openapi_extra=describe_body(
        OWN,
        PasswordChange,
        responses=answers(Tokens, 200),
        errors=(*SIGNING_IN_ERRORS, "forbidden", "conflict", "rate_limited"),
    ),
)
async def change_password(request: Request) -> Response:
    """Change your own password, and go on with new tokens.

    Every sign-in of yours ends, wherever it was, with its refresh and access tokens.
    """
    async with himself(request) as actor:
        given = await body(request, PasswordChange)
        signed_in = await process(request).identity.own_password.change(
            actor, given.current_password, given.new_password, address=address(request)
        )
    return tokens_answer(signed_in)


def tokens_answer(signed_in: SignedIn) -> Response:
    # RFC 6749 5.1: tokens are never kept by a cache.
    headers = {"Cache-Control": "no-store"}
    content = {
        "access_token": signed_in.access_token,
        "token_type": "Bearer",
        "expires_in": int(LIVES.total_seconds()),
        "refresh_token": signed_in.refresh_token,
    }
    return Response(to_json(content), media_type="application/json", headers=headers)
