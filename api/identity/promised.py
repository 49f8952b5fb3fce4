"""What is asked of an identity route, with the promises that come with every command."""

from typing import Generic, NamedTuple, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from api.bodies import parsed, raw_body
from api.commands import JSON, receipt_headers
from api.process import process
from api.promises import promises
from write_model.deciding import Promises, Versions
from write_model.kernel.access import Actor
from write_model.kernel.messages import IdempotencyKey, Receipt

Body = TypeVar("Body", bound=BaseModel)

NOT_KEPT = {"Cache-Control": "no-store"}
"""Of an answer with a secret in it."""


class Nothing(BaseModel):
    """The body of what is said by its address alone."""

    model_config = ConfigDict(extra="forbid")


class Promised(NamedTuple, Generic[Body]):
    """`key`: as it may be kept; `expected`: the version that the caller saw."""

    body: Body
    key: IdempotencyKey | None
    expected: Versions | None

    @property
    def promises(self) -> Promises:
        return Promises(self.key, self.expected)


async def promised(
    request: Request, actor: Actor, model: type[Body], *, begins: bool = False
) -> Promised[Body]:
    """Raises: what `raw_body`, `parsed` and `promises` raise."""
    content = await raw_body(request)
    given = parsed(content, model.model_validate_json)
    key, expected = await promises(request, actor, content, begins=begins)
    return Promised(given, process(request).identity.kept_key(key), expected)


def shown_once(content: dict[str, object], *, replayed: bool) -> Response:
    """A secret, which no cache keeps; sent again it is the same, or null once it is spent."""
    headers = NOT_KEPT | ({"Idempotency-Replayed": "true"} if replayed else {})
    return Response(to_json(content), 201, headers, JSON)


def shown_once_of(receipt: Receipt, content: dict[str, object]) -> Response:
    """The same with the version and the position of what was done."""
    return Response(to_json(content), 201, receipt_headers(receipt) | NOT_KEPT, JSON)
