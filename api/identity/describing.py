"""What the identity routes say of themselves: bodies that are no commands of a record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from api.openapi import BODY_ERRORS, PERMISSION, QUERY_ERRORS, json_body, problems

KEPT_ERRORS = (
    "conflict",
    "idempotency_in_progress",
    "idempotency_key_required",
    "idempotency_key_reused",
)
"""What a command may meet that takes a key."""
SEEN_ERRORS = (*KEPT_ERRORS, "version_mismatch", "precondition_required")
"""What one may meet that also takes the version that was seen."""
KEYED_ERRORS = (
    *BODY_ERRORS,
    *KEPT_ERRORS,
    "unauthenticated",
    "forbidden",
    "rate_limited",
    "subject_erased",
)
"""What a request of a member's that takes a key may meet."""
SIGNING_IN_ERRORS = (*BODY_ERRORS, "unauthenticated")


def describe_bare(
    permission: str, *parameters: dict[str, Any], responses: dict[str, Any], errors: Iterable[str]
) -> dict[str, Any]:
    """The OpenAPI operation of a command without a body, but for its text."""
    return {
        PERMISSION: permission,
        "parameters": list(parameters),
        "responses": {**responses, **problems((*QUERY_ERRORS, *errors))},
    }


def describe_body(
    permission: str,
    model: type[BaseModel],
    *parameters: dict[str, Any],
    responses: dict[str, Any],
    errors: Iterable[str],
) -> dict[str, Any]:
    """The OpenAPI operation of a request with this body, but for its text."""
    return {
        PERMISSION: permission,
        "parameters": list(parameters),
        "requestBody": json_body(model),
        "responses": {**responses, **problems(errors)},
    }
