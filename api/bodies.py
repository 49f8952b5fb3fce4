"""The body of a request: how long it may be, what kind it is of, and what a model makes of it."""

from collections.abc import Callable
from typing import NoReturn, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from api.header_fields import header
from api.places import PLACE, Place
from api.refusals import Malformed, PayloadTooLarge, UnsupportedMediaType, WrongFields
from write_model.kernel.errors import DomainError

Model = TypeVar("Model", bound=BaseModel)
Parsed = TypeVar("Parsed")

BODY_LIMIT_BYTES = 1024 * 1024
_MOST_TOLD = 100
"""A body can hold 200,000 wrong values: telling of each would hold everybody up for a second."""


async def body(request: Request, model: type[Model]) -> Model:
    """The body as a model.

    Raises: UnsupportedMediaType, PayloadTooLarge, Malformed, WrongFields.
    """
    return parsed(await raw_body(request), model.model_validate_json)


def parsed(content: bytes, parse: Callable[[bytes], Parsed]) -> Parsed:
    """What `parse` makes of a body; no body at all is an empty object.

    Here and nowhere else: a ValidationError of any other origin is a fault of ours.
    Raises: Malformed for what is no JSON; WrongFields.
    """
    try:
        return parse(content or b"{}")
    except ValidationError as error:
        raise _refusal(error) from error


def _refusal(error: ValidationError) -> DomainError:
    if (many := error.error_count()) > _MOST_TOLD:
        return WrongFields([("", f"{many} values cannot be accepted; see the API's description.")])
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return Malformed(f"The body is not JSON: {found[0]['msg']}.")
    return WrongFields([(".".join(map(str, each["loc"])), each["msg"]) for each in found])


async def raw_body(request: Request) -> bytes:
    """The bytes of a JSON body.

    Raises: UnsupportedMediaType, PayloadTooLarge.
    """
    if int(header(request, b"content-length") or 0) > BODY_LIMIT_BYTES:
        raise PayloadTooLarge(BODY_LIMIT_BYTES)
    try:
        content = await _received(request)
    except ClientDisconnect as error:
        _abandon(request, error)
    if content and not _is_json(header(request, b"content-type") or ""):
        raise UnsupportedMediaType
    return content


def _abandon(request: Request, error: ClientDisconnect) -> NoReturn:
    """Nobody is there to be answered, and nothing of ours has failed."""
    place: Place | None = request.scope.get(PLACE)
    if place is None:
        raise error
    place.abandon()


async def _received(request: Request) -> bytes:
    """Most come whole with the head. One that does not say how long it is is counted as it comes.

    Raises: ClientDisconnect; PayloadTooLarge.
    """
    received = bytearray()
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        if len(received) + len(chunk) > BODY_LIMIT_BYTES:
            raise PayloadTooLarge(BODY_LIMIT_BYTES)
        if not message.get("more_body", False):
            return bytes(received) + chunk
        received += chunk


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )
