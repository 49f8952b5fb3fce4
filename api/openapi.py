"""What a route says of itself: text, parameters, body, answers and errors, taken from classes."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from api.answers.receipts import Receipt
from api.problems import MEDIA_TYPE, STATUS
from api.request_headers import EXPECTED
from write_model.kernel.messages import Command

PERMISSION = "x-permission"
"""Where a route says which permission it needs; `""` where it needs none."""

PUBLIC = ""

SCHEMAS = "#/components/schemas/"

_ANY_ERRORS = ("validation", "head_too_large", "overloaded", "unavailable")
CALLER_ERRORS = ("unauthenticated", "forbidden", "second_factor_missing", "rate_limited")
"""What whoever has to sign in may meet anywhere."""
BODY_ERRORS = (*_ANY_ERRORS, "malformed", "payload_too_large", "unsupported_media_type")
"""What may be wrong with any request that has a body."""
QUERY_ERRORS = (*_ANY_ERRORS, *CALLER_ERRORS)
COMMAND_ERRORS = (
    *BODY_ERRORS,
    *CALLER_ERRORS,
    "segregation_of_duties",
    "not_found",
    "illegal_transition",
    "record_locked",
    "conflict",
    "idempotency_in_progress",
    "idempotency_key_required",
    "idempotency_key_reused",
    "subject_erased",
)
_VERSION_ERRORS = ("version_mismatch", "precondition_required")


def describe_command(
    command: type[Command], *, begins: bool = False, answer: type[BaseModel] = Receipt
) -> dict[str, Any]:
    """The OpenAPI operation of a command.

    `begins`: it starts a record of its own, so there is no version that anybody could have seen.
    """
    return {
        PERMISSION: command.permission,
        "description": inspect.cleandoc(command.__doc__ or ""),
        "parameters": [IDEMPOTENCY_KEY] if begins else [IDEMPOTENCY_KEY, IF_MATCH],
        "requestBody": json_body(command),
        "responses": {
            **answers(answer, *((200, 201) if begins else (200,))),
            **problems(command_errors(begins=begins)),
        },
    }


def command_errors(*, begins: bool) -> tuple[str, ...]:
    """What a command may meet; who begins a record rests on no version of it."""
    return COMMAND_ERRORS if begins else (*COMMAND_ERRORS, *_VERSION_ERRORS)


def describe_query(
    permission: str,
    *parameters: dict[str, Any],
    answer: type[BaseModel],
    errors: Iterable[str] = (),
) -> dict[str, Any]:
    """The OpenAPI operation of a question, but for its text.

    `errors`: the codes that not every question may meet.
    """
    return {
        PERMISSION: permission,
        "parameters": list(parameters),
        "responses": {**answers(answer, 200), **problems((*QUERY_ERRORS, *errors))},
    }


def may_be_known(operation: dict[str, Any]) -> dict[str, Any]:
    """A question whose answer the caller may have already."""
    unchanged = {"304": {"description": "The answer is the one that you have."}}
    return {
        **operation,
        "parameters": [*operation["parameters"], _IF_NONE_MATCH],
        "responses": {**operation["responses"], **unchanged},
    }


def describe_public(answer: type[BaseModel], *statuses: int) -> dict[str, Any]:
    """The OpenAPI operation of what anybody may ask."""
    return {PERMISSION: PUBLIC, "responses": answers(answer, *(statuses or (200,)))}


def parameter(name: str, text: str, kind: str = "string", **schema: Any) -> dict[str, Any]:
    schema = {"type": kind, **schema}
    return {"name": name, "in": "query", "description": text, "schema": schema}


def _header(name: str, text: str, kind: str = "string", **schema: Any) -> dict[str, Any]:
    return {**parameter(name, text, kind, **schema), "in": "header"}


IDEMPOTENCY_KEY = _header(
    "Idempotency-Key",
    "Makes it safe to send this request again; 1 to 255 characters.",
    minLength=1,
    maxLength=255,
)
IF_MATCH = _header(
    "If-Match",
    'Only on this version: an ETag of the record, such as "3"; of several in a list any will do.',
    pattern=f"^({EXPECTED.pattern})$",
    examples=['"3"'],
)
_POSITION = {"minimum": 0, "maximum": 10**18 - 1}
_IF_NONE_MATCH = _header("If-None-Match", "The ETag of the answer that you have.")
WAITING = (
    parameter(
        "min_position", "Wait, within bounds, until this position is shown.", "integer", **_POSITION
    ),
    _header(
        "X-Min-Position",
        "The same as `min_position`, which goes before it.",
        "integer",
        **_POSITION,
    ),
)
"""Of the reads that can wait for what their caller has written."""

CURSOR = parameter("cursor", "Where the page before ended.")
LIMIT = parameter("limit", "How many items, at most 500.", "integer", minimum=1, maximum=500)
"""Of every list that comes in pages."""

AS_OF = parameter("as_of", "A time with its offset: tells what was known then.")
PAST = (AS_OF, parameter("version", "Tells the record as it was at this version.", "integer"))
"""Of the reads that can tell what was; `as_of` is when it was recorded, not when it happened."""


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """No body at all is an empty object, which will do where no field is required."""
    required = any(field.is_required() for field in model.model_fields.values())
    schema = model.model_json_schema(ref_template=SCHEMAS + "{model}")
    return {"required": required, "content": {"application/json": {"schema": schema}}}


def answers(model: type[BaseModel], *statuses: int) -> dict[str, Any]:
    """The same answer under each status; its definitions move to the components later."""
    schema = model.model_json_schema(ref_template=SCHEMAS + "{model}")
    definitions = {**schema.pop("$defs", {}), model.__name__: schema}
    content = {"schema": {"$ref": SCHEMAS + model.__name__, "$defs": definitions}}
    text = inspect.cleandoc(model.__doc__ or "").partition("\n\n")[0]
    return {
        str(status): {"description": text, "content": {"application/json": content}}
        for status in statuses
    }


def problems(codes: Iterable[str]) -> dict[str, Any]:
    """Status -> the codes that it may come with."""
    by_status: dict[str, list[str]] = {}
    for code in sorted(set(codes)):
        by_status.setdefault(str(STATUS[code]), []).append(code)
    schema = {"$ref": SCHEMAS + "Problem"}
    return {
        status: {"description": ", ".join(found), "content": {MEDIA_TYPE: {"schema": schema}}}
        for status, found in sorted(by_status.items())
    }
