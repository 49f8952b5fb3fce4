"""What the identity routes say of themselves: bodies that are no commands of a record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from api.openapi import (
    BODY_ERRORS,
    CALLER_ERRORS,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    PERMISSION,
    PUBLIC,
    command_errors,
    json_body,
    problems,
)

KEYED_ERRORS = (
    "conflict",
    "idempotency_in_progress",
    "idempotency_key_required",
    "idempotency_key_reused",
    "subject_erased",
)
"""What a request that takes a key may meet besides."""
SIGNING_IN_ERRORS = (*BODY_ERRORS, "unauthenticated")


def describe_body(
    permission: str,
    model: type[BaseModel],
    *parameters: dict[str, Any],
    responses: dict[str, Any],
    errors: Iterable[str],
) -> dict[str, Any]:
    """The OpenAPI operation of a request with this body, but for its text.

    `errors`: the codes that not every such request may meet.
    """
    everywhere = BODY_ERRORS if permission == PUBLIC else (*BODY_ERRORS, *CALLER_ERRORS)
    return {
        PERMISSION: permission,
        "parameters": list(parameters),
        "requestBody": json_body(model),
        "responses": {**responses, **problems((*everywhere, *errors))},
    }


def describe_change(
    permission: str,
    model: type[BaseModel] | None = None,
    *,
    responses: dict[str, Any],
    begins: bool = False,
    errors: Iterable[str] = (),
) -> dict[str, Any]:
    """The OpenAPI operation of what keeps the promises of a command; `model`: its body, if any.

    `errors`: the codes that not every command may meet.
    """
    return {
        PERMISSION: permission,
        "parameters": [IDEMPOTENCY_KEY] if begins else [IDEMPOTENCY_KEY, IF_MATCH],
        **({} if model is None else {"requestBody": json_body(model)}),
        "responses": {**responses, **problems((*command_errors(begins=begins), *errors))},
    }
