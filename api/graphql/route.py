"""`POST /v1/graphql`: several reads in one request, cut down to what is wanted of them."""

import asyncio
from functools import cache
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from api.answers.graphql import GraphqlAnswer
from api.bodies import body
from api.callers import caller
from api.graphql.asking import Asking
from api.identity.describing import describe_body
from api.openapi import answers
from api.packing import Packed
from api.process import process
from api.reads import JSON
from api.refusals import NotInstalled
from api.routes import PlainRoute

router = APIRouter(prefix="/v1/graphql", tags=["GraphQL"], route_class=PlainRoute)

READ = "incident.read"


class GraphqlQuery(BaseModel):
    """As GraphQL over HTTP has it."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    query: str = Field(
        min_length=1, max_length=20_000, examples=['{incident(id: "INC-42") {title status}}']
    )
    """The document."""
    variables: dict[str, Any] | None = None
    """Variable -> value."""
    operation_name: str | None = Field(None, alias="operationName", max_length=200)
    """Which of the document's operations, where there are several."""
    extensions: dict[str, Any] | None = None
    """Taken, because some clients send them, and not looked at."""


@router.post(
    "",
    openapi_extra=describe_body(
        READ,
        GraphqlQuery,
        responses=answers(GraphqlAnswer, 200),
        errors=["not_installed"],
    ),
)
async def graphql(request: Request) -> Response:
    """Ask several reads in one GraphQL request, and take of each what you need.

    Each field of the query is a read of REST, with its permissions and its names; at most five in
    one request. What is wrong with the query or with one of its reads stands in `errors`, with the
    code of REST in `extensions.code`; the others are answered. Nothing is changed here.
    """
    await caller(request, READ, within_teams=True)
    asked = await body(request, GraphqlQuery)
    schema, answer = await _schema(introspection=process(request).settings.graphql_introspection)
    told = await answer(
        schema, asked.query, asked.variables or {}, asked.operation_name, Asking(request)
    )
    headers = {"Cache-Control": "private, no-store"}
    return Packed(to_json(told), headers=headers, media_type=JSON)


async def _schema(*, introspection: bool) -> tuple[Any, Any]:
    """Not before somebody asks: it takes memory, and a moment in which nobody need wait.

    Raises: NotInstalled.
    """
    return await asyncio.to_thread(loaded, introspection)


@cache
def loaded(introspection: bool) -> tuple[Any, Any]:
    try:
        from api.graphql.schema import answer, schema
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "strawberry":
            raise
        raise NotInstalled("GraphQL", "tallystick[graphql]") from error
    return schema(introspection=introspection), answer
