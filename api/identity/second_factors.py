"""Routes for one's second factor, and for an administrator who takes it off for somebody."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from api.admission import admitted
from api.answers.signing_in import RecoveryCodes, SecondFactor, SecondFactorOffer
from api.bodies import body
from api.callers import caller
from api.commands import JSON
from api.identity.describing import SIGNING_IN_ERRORS, describe_body
from api.identity.inputs import Code
from api.identity.own import OWN, himself
from api.identity.promised import NOT_KEPT
from api.openapi import PERMISSION, QUERY_ERRORS, answers, describe_query, problems
from api.process import process
from api.reads import only

router = APIRouter(prefix="/v1", tags=["Signing in"])

_MANAGE = "members.manage"


class Confirmation(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    code: Code
    """The one that the app shows now."""


def _changing(permission: str, responses: dict[str, Any], *errors: str) -> dict[str, Any]:
    found = problems((*QUERY_ERRORS, "conflict", "subject_erased", *errors))
    return {PERMISSION: permission, "responses": {**responses, **found}}


@router.get("/auth/totp", openapi_extra=describe_query(OWN, answer=SecondFactor))
async def second_factor(request: Request) -> Response:
    """Whether you have a second factor, and how many recovery codes are left."""
    at = process(request)
    with at.budgets.queries:
        actor = await caller(request, OWN)
        only(request)
        actor.must_be_a_person()
        factor = await at.identity.second_factors.kept.of(actor.id)
    is_on = factor is not None and factor.is_on
    left = factor.codes_left if factor is not None else 0
    return Response(to_json({"enabled": is_on, "recovery_codes_left": left}), media_type=JSON)


@router.post(
    "/auth/totp",
    status_code=201,
    openapi_extra=_changing(
        OWN, answers(SecondFactorOffer, 201), "reauthentication_required", "illegal_transition"
    ),
)
async def enrol(request: Request) -> Response:
    """Begin with a second factor: put the secret into an authenticator app (TOTP, RFC 6238).

    It needs a token of `POST /v1/auth/reauthenticate`. Nothing is asked of the app until you
    confirm with its first code.
    """
    async with himself(request) as actor:
        enrolment = await process(request).identity.second_factors.enrol(actor)
    content = {"secret": enrolment.secret, "uri": enrolment.uri}
    return Response(to_json(content), 201, NOT_KEPT, JSON)


@router.post(
    "/auth/totp/confirm",
    openapi_extra=describe_body(
        OWN,
        Confirmation,
        responses=answers(RecoveryCodes, 200),
        errors=(
            *SIGNING_IN_ERRORS,
            "forbidden",
            "illegal_transition",
            "conflict",
            "subject_erased",
            "rate_limited",
        ),
    ),
)
async def confirm(request: Request) -> Response:
    """Turn the second factor on; from now on signing in asks for a code.

    The recovery codes of the answer are shown this once: each stands in for the app, once.
    """
    async with himself(request) as actor:
        identity = process(request).identity
        given = await body(request, Confirmation)
        await identity.guesses.guess_at(b"confirmation" + actor.id.bytes)
        codes = await identity.second_factors.confirm(actor, given.code)
        identity.on_record.note(actor.id, "second_factor_enabled")
    return Response(to_json({"recovery_codes": codes}), 200, NOT_KEPT, JSON)


@router.delete(
    "/auth/totp",
    status_code=204,
    openapi_extra=_changing(
        OWN, {"204": {"description": "It is off."}}, "reauthentication_required"
    ),
)
async def disable(request: Request) -> Response:
    """Take your second factor off; it needs a token of `POST /v1/auth/reauthenticate`."""
    async with himself(request) as actor:
        identity = process(request).identity
        actor.must_have_reauthenticated(identity.clock())
        await identity.second_factors.disable(actor.id, by=actor)
        identity.on_record.note(actor.id, "second_factor_disabled")
    return Response(status_code=204)


@router.delete(
    "/members/{member}/totp",
    status_code=204,
    openapi_extra=_changing(
        _MANAGE,
        {"204": {"description": "It is off, and every sign-in of the member has ended."}},
        "reauthentication_required",
        "segregation_of_duties",
        "not_found",
        "illegal_transition",
    ),
)
async def reset(request: Request, member: UUID) -> Response:
    """Take the second factor off for a member who has lost the device and the recovery codes.

    It needs a token of `POST /v1/auth/reauthenticate`. The member must belong to no other
    organization. Only an owner does it for an owner.
    """
    async with admitted(request, _MANAGE) as actor:
        identity = process(request).identity
        await identity.resets.must_vouch_for(member, by=actor)
        actor.must_have_reauthenticated(identity.clock())
        await identity.second_factors.disable(member, by=actor)
        identity.on_record.note(member, "second_factor_disabled")
        await identity.ending.all_of(member, by=actor)
    return Response(status_code=204)
