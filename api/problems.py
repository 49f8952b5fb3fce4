"""Errors as callers see them: one table from code to status, and RFC 9457 problem documents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, cast

import psycopg
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.routing import Route

from api.accesses import refused
from api.door import is_query
from api.refusals import Malformed, MethodNotAllowed, NoSuchAddress, TookTooLong, WrongFields
from write_model.kernel.errors import (
    DomainError,
    IllegalTransition,
    Invalid,
    Overloaded,
    RateLimited,
    Unavailable,
    VersionMismatch,
)

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"

STATUS: dict[str, int] = {
    "malformed": 400,
    "idempotency_key_required": 400,
    "unauthenticated": 401,
    "second_factor_required": 401,
    "plan_limit": 402,
    "forbidden": 403,
    "segregation_of_duties": 403,
    "second_factor_missing": 403,
    "reauthentication_required": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "illegal_transition": 409,
    "record_locked": 409,
    "conflict": 409,
    "idempotency_in_progress": 409,
    "subject_erased": 410,
    "log_restored": 410,
    "version_mismatch": 412,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "validation": 422,
    "idempotency_key_reused": 422,
    "legal_hold": 423,
    "precondition_required": 428,
    "rate_limited": 429,
    "head_too_large": 431,
    "internal": 500,
    "not_installed": 501,
    "overloaded": 503,
    "unavailable": 503,
    "hole_in_log": 503,
}
"""Every code that a caller may meet."""


def explain_errors(app: FastAPI) -> None:
    """Answer every error of the app with a problem document."""
    for kind, explain in _EXPLAINED.items():
        app.add_exception_handler(kind, explain)


async def explained(request: Request, error: Exception) -> Response:
    """The answer to one of the errors that are `EXPLAINED`."""
    explain = next(_EXPLAINED[kind] for kind in type(error).__mro__ if kind in _EXPLAINED)
    return await explain(request, error)


def problem(error: DomainError, *, instance: str = "") -> Response:
    """The answer that tells of an error."""
    return _document(error.code, str(error), instance, _members(error), _headers(error))


def unexpected(instance: str) -> Response:
    """The answer to a fault of ours: it says nothing of our inside."""
    detail = "Something went wrong on our side; tell the operator the instance of this message."
    return _document("internal", detail, instance, {}, {})


def example_problem(code: str) -> dict[str, Any]:
    """What such an answer looks like, for the description."""
    status = STATUS[code]
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": f"{HTTPStatus(status).phrase}: a sentence that says what to do next.",
        "code": code,
        "instance": "0198f1a2-6c1e-7a30-9d2f-3b5f6f2c1a77",
    }


def _document(
    code: str, detail: str, instance: str, members: dict[str, Any], headers: dict[str, str]
) -> Response:
    status = STATUS.get(code, 409)
    body = {
        # RFC 9457 4.2.1: about:blank says that the status tells the kind; `code` is the finer one.
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "instance": instance,
        **members,
    }
    return Response(to_json(body), status, headers, MEDIA_TYPE)


def _members(error: DomainError) -> dict[str, Any]:
    match error:
        case IllegalTransition(allowed=allowed) if allowed:
            return {"allowed": allowed}
        case VersionMismatch(current=current):
            return {"version": current}
        case Invalid(field=field):
            return {"errors": [{"field": field, "message": str(error)}]}
        case WrongFields(errors=errors):
            return {"errors": [{"field": field, "message": why} for field, why in errors]}
        case _:
            return {}


def _headers(error: DomainError) -> dict[str, str]:
    match error:
        case (
            Overloaded(retry_after_s=wait)
            | Unavailable(retry_after_s=wait)
            | RateLimited(retry_after_s=wait)
        ):
            return {"Retry-After": str(wait)}
        case VersionMismatch(current=current):
            return {"ETag": f'"{current}"'}
        case DomainError(code="unauthenticated"):
            return {"WWW-Authenticate": "Bearer"}
        case DomainError(code="hole_in_log"):
            return {"Retry-After": "60"}
        case _:
            return {}


def _instance(request: Request) -> str:
    return str(request.scope.get("request_id", ""))


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    refused(request, error)
    if type(error) is Unavailable:  # What is more special than that is told where it arises.
        _tell_silence(error.__cause__ or error)
    return problem(error, instance=_instance(request))


async def _misaddressed(request: Request, error: Exception) -> Response:
    """A part of the address that the framework has read; its place begins with which part."""
    assert isinstance(error, RequestValidationError)
    found = [(".".join(map(str, each["loc"][1:])), each["msg"]) for each in error.errors()]
    return problem(WrongFields(found), instance=_instance(request))


async def _unrouted(request: Request, error: Exception) -> Response:
    """What the router itself refuses: an unknown address, or a method it does not take."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        answer = problem(MethodNotAllowed(), instance=_instance(request))
    elif error.status_code == HTTPStatus.NOT_FOUND:
        answer = problem(NoSuchAddress(), instance=_instance(request))
    else:
        answer = problem(Malformed(str(error.detail)), instance=_instance(request))
    answer.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        answer.headers["Allow"] = ", ".join(sorted(_allowed(request)))
    return answer


def _allowed(request: Request) -> set[str]:
    """The methods of all routes at this address; the router tells of the first one only."""
    path, app = request.scope["path"], cast("FastAPI", request.app)
    routes = [route for route in app.routes if isinstance(route, Route)]
    found = [route for route in routes if route.path == path] or [
        route for route in routes if route.path_regex.match(path)
    ]
    return {method for route in found for method in route.methods or ()}


async def _given_up(request: Request, error: Exception) -> Response:
    """The database has ended a statement: of a question, it was too much to ask."""
    if not is_query(request.method, request.scope["path"]):
        return await _no_database(request, error)
    log.warning("question_given_up", route=getattr(request.scope.get("route"), "path", None))
    return problem(TookTooLong(), instance=_instance(request))


async def _no_database(request: Request, error: Exception) -> Response:
    _tell_silence(error)
    return problem(Unavailable(), instance=_instance(request))


def _tell_silence(reason: BaseException) -> None:
    log.warning("no_answer_from_the_database", reason=type(reason).__name__, detail=str(reason))


_EXPLAINED: Mapping[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    DomainError: _refused,
    RequestValidationError: _misaddressed,
    HTTPException: _unrouted,
    psycopg.OperationalError: _no_database,
    psycopg.errors.QueryCanceled: _given_up,
    TimeoutError: _no_database,
}

EXPLAINED = tuple(_EXPLAINED)
"""The errors that callers are told of; all others are faults of ours."""
