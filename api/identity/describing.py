"""What the identity routes say of themselves: bodies that are no commands of a record."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from api.openapi import describe_query


def describe_body(
    permission: str, model: type[BaseModel], *parameters: dict[str, Any]
) -> dict[str, Any]:
    """The OpenAPI operation of a request with this body, but for its text."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    content = {"application/json": {"schema": schema}}
    asked = describe_query(permission, *parameters)
    return {**asked, "requestBody": {"required": True, "content": content}}
