"""The schema with its limits, and the answer to one query put to it."""

from __future__ import annotations

from typing import Any, cast

import strawberry
import structlog
from psycopg import OperationalError
from strawberry.extensions import (
    DisableIntrospection,
    MaxAliasesLimiter,
    MaxTokensLimiter,
    QueryDepthLimiter,
)
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types import ExecutionContext

from api.graphql.asking import Asking
from api.graphql.questions import Query
from api.graphql.shapes import SCALARS, member
from write_model.kernel.errors import DomainError, Overloaded, RateLimited, Unauthenticated

log = structlog.get_logger(__name__)

_DEEPEST = 6
"""The deepest answer has four levels."""
_MOST_ALIASES = 20
# The parser calls itself for every bracket: so many it can open without running out of stack.
_MOST_TOKENS = 500

_NO_OPERATION = {
    "message": "Have one operation in the query, or name in operationName which one is meant.",
    "extensions": {"code": "malformed"},
}
_OF_THE_WHOLE = (Overloaded, RateLimited, Unauthenticated, OperationalError, TimeoutError)


class Schema(strawberry.Schema):
    """Says nothing of its own in the log: that would repeat what people asked."""

    def process_errors(
        self, errors: list[Any], execution_context: ExecutionContext | None = None
    ) -> None:
        """What is a fault of ours is logged where it is answered."""


def schema(*, introspection: bool) -> Schema:
    limits: list[Any] = [
        lambda: QueryDepthLimiter(max_depth=_DEEPEST),
        lambda: MaxAliasesLimiter(max_alias_count=_MOST_ALIASES),
        lambda: MaxTokensLimiter(max_token_count=_MOST_TOKENS),
    ]
    hidden = [] if introspection else [DisableIntrospection]
    config = StrawberryConfig(
        auto_camel_case=False,
        default_resolver=member,
        disable_field_suggestions=not introspection,
        scalar_map=SCALARS,
    )
    return Schema(Query, extensions=[*limits, *hidden], config=config)


async def answer(
    asked: Schema, query: str, variables: dict[str, Any], operation: str | None, by: Asking
) -> dict[str, Any]:
    """What a GraphQL response holds: data, errors, or both.

    Raises: what concerns the whole request, and not one of its reads.
    """
    try:
        found = await asked.execute(
            query, variable_values=variables, context_value=by, operation_name=operation
        )
    except CannotGetOperationTypeError:
        return {"errors": [_NO_OPERATION]}
    for each in found.errors or ():
        if isinstance(each.original_error, _OF_THE_WHOLE):
            raise each.original_error
    told = {} if found.data is None and found.errors else {"data": found.data}
    if not found.errors:
        return told
    return {"errors": [_error(each) for each in found.errors], **told}


def _error(error: Any) -> dict[str, Any]:
    """With the code that REST has for it; a fault of ours says nothing of our inside."""
    cause = error.original_error
    told = cast("dict[str, Any]", error.formatted)
    match cause:
        case _ if cause is None or error.path is None:  # It was never asked.
            return told | {"extensions": {"code": "malformed"}}
        case DomainError():
            return told | {"extensions": {"code": cause.code}}
        case _:
            log.error("request_failed", exc_info=cause)
            return told | {
                "message": "Something went wrong on our side; tell the operator the request's id.",
                "extensions": {"code": "internal"},
            }
