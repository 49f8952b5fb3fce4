"""What is read from a request: its body, who asks, and what its headers say."""

import re
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from typing import NoReturn, TypeVar
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from api.door import is_query
from api.identity.actors import actor
from api.identity.addresses import address
from api.limits import COMMANDS, QUERIES
from api.observing import LIMITS
from api.packing import packed_tag
from api.places import PLACE, Place
from api.process import process
from api.refusals import Malformed, PayloadTooLarge, UnsupportedMediaType, WrongFields
from write_model.deciding import Versions
from write_model.kernel.access import Actor
from write_model.kernel.api_key_secrets import BEGINS
from write_model.kernel.errors import (
    DomainError,
    Invalid,
    Overloaded,
    RateLimited,
    SecondFactorMissing,
    Unauthenticated,
)
from write_model.kernel.messages import IdempotencyKey

Model = TypeVar("Model", bound=BaseModel)
Parsed = TypeVar("Parsed")

IMPORT = "records.import"
BODY_LIMIT_BYTES = 1024 * 1024
_KEY_LIMIT = 255
_MOST_TOLD = 100
"""A body can hold 200,000 wrong values: telling of each would hold everybody up for a second."""
_MOST_PARAMETERS = 100
_NUL = b"%00"
# Without quotes too: some clients take them off, and a whole number can mean nothing else.
_TAG = r'(?:W/)?"[0-9]{1,18}(?:\.[!#-~]*)?"|[0-9]{1,18}'
EXPECTED = re.compile(rf"\*|(?:{_TAG})(?:[ \t]*,[ \t]*(?:{_TAG}))*")
"""What an If-Match may be."""
_VERSION = re.compile(r'(W/)?"?([0-9]{1,18})(?:\.[!#-~]*)?"?')
_NO_VERSION = 0


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
    headers = request.headers
    if int(headers.get("content-length", "0")) > BODY_LIMIT_BYTES:
        raise PayloadTooLarge(BODY_LIMIT_BYTES)
    try:
        content = await _received(request)
    except ClientDisconnect as error:
        _abandon(request, error)
    if content and not _is_json(headers.get("content-type", "")):
        raise UnsupportedMediaType
    return content


def _abandon(request: Request, error: ClientDisconnect) -> NoReturn:
    """Nobody is there to be answered, and nothing of ours has failed."""
    place: Place | None = request.scope.get(PLACE)
    if place is None:
        raise error
    place.abandon()


async def _received(request: Request) -> bytes:
    """A body that does not say how long it is is counted as it comes."""
    if "content-length" in request.headers:
        return await request.body()
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > BODY_LIMIT_BYTES:
            raise PayloadTooLarge(BODY_LIMIT_BYTES)
    return bytes(received)


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )


async def caller(
    request: Request,
    permission: str | None = None,
    *,
    within_teams: bool = False,
    may_import: bool = False,
) -> Actor:
    """Who asks, once the address is known to hold nothing that no record can.

    `within_teams`: the route itself keeps who is bound to teams to their records; without it
    nobody is let in who is bound. `may_import`: the route itself counts who may import, once it
    has read whether he does.
    Raises: Unauthenticated; RateLimited; SecondFactorMissing; Forbidden when the permission is
    missing; Invalid.
    """
    try:
        found = await actor(request)
    except Unauthenticated:
        await _must_not_guess_at_keys(request)
        raise
    request.scope["actor"] = found
    kind = _kind(request)
    _take_place(request, found, kind)
    if not (may_import and found.may(IMPORT)):
        await limited(request, found, kind)
    if found.lacks_second_factor and not _is_for_enrolling(request.scope["path"]):
        raise SecondFactorMissing
    if within_teams and permission is not None:
        found.must_within(permission)
    elif permission is not None:
        found.must(permission)
    _must_be_storable(request)
    _must_be_said_once(request)
    return found


def _kind(request: Request) -> str:
    scope = request.scope
    return QUERIES if is_query(scope["method"], scope["path"]) else COMMANDS


async def _must_not_guess_at_keys(request: Request) -> None:
    """Only keys that are no good are counted; access tokens run out all day long.

    Raises: RateLimited.
    """
    _, _, token = request.headers.get("authorization", "").partition(" ")
    if token.startswith(BEGINS):
        guesses = process(request).identity.guesses
        await guesses.show_a_bad_key(address(request))


def _is_for_enrolling(path: str) -> bool:
    """Where somebody learns who he is, signs in and out, and sets up a second factor."""
    return path == "/v1/me" or path.startswith("/v1/auth/")


def _take_place(request: Request, actor: Actor, kind: str) -> None:
    """Count the place that the request holds to the organization. Raises: Overloaded."""
    place: Place | None = request.scope.get(PLACE)
    if place is None:
        return
    if kind == QUERIES:
        place.unbind()
    door = process(request).budgets.door
    if not place.is_claimed and not door.claim(place, actor.tenant.int, request.scope["headers"]):
        raise Overloaded


async def limited(request: Request, actor: Actor, kind: str) -> None:
    """Count one request of this kind, and say how many are left to whoever is answered.

    Raises: RateLimited.
    """
    limits, scope = process(request).limits, request.scope
    try:
        scope[LIMITS] = (await limits.spend(kind, actor)).headers
    except RateLimited:
        scope[LIMITS] = limits.told(kind, actor)
        raise


def _must_be_said_once(request: Request) -> None:
    """Of a parameter that comes twice one value would be passed over in silence."""
    query: bytes = request.scope["query_string"]
    if b"&" not in query:
        return
    if query.count(b"&") >= _MOST_PARAMETERS:
        raise Invalid(f"Give {_MOST_PARAMETERS} parameters at most.")
    names = [name for name, _ in request.query_params.multi_items()]
    for name, times in Counter(names).items():
        if times > 1:
            raise Invalid(f"Give {name} once; put commas between several values.", field=name)


def _must_be_storable(request: Request) -> None:
    """No text of the database holds a NUL character: compared with one it fails (Postgres 22021).

    For all parameters at once, so that no new filter is forgotten. In a path it only names nothing.
    """
    if _NUL not in request.scope["query_string"]:
        return
    for name, value in request.query_params.multi_items():
        if "\0" in name + value:
            raise Invalid("A parameter cannot hold the NUL character.", field=name)


def expected_versions(request: Request) -> Versions | None:
    """The version in If-Match, or several; None when there is no such header, or `*`.

    A weak tag is of no version: it says that two answers mean the same (RFC 9110 13.1.1).
    Raises: Malformed.
    """
    text = request.headers.get("if-match")
    if text is None or (text := text.strip()) == "*":
        return None
    if EXPECTED.fullmatch(text) is None:
        raise Malformed('If-Match must be ETags of this record, such as "3", or *.')
    found = frozenset(
        _NO_VERSION if weak else int(version) for weak, version in _VERSION.findall(text)
    )
    return next(iter(found)) if len(found) == 1 else found


def idempotency_key(request: Request, content: bytes) -> IdempotencyKey | None:
    """The caller's key with the digest of method, path and body.

    Raises: Malformed.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 0 < len(key) <= _KEY_LIMIT:
        raise Malformed(f"An Idempotency-Key has 1 to {_KEY_LIMIT} characters.")
    asked = f"{request.method}\n{request.scope['path']}\n".encode()
    return IdempotencyKey(key, sha256(asked + content).digest())


def correlation(request: Request) -> UUID | None:
    """The id that the caller gave to what this request is part of."""
    return request.scope.get("correlation_id")


def asked_position(request: Request) -> int:
    """The position that a read must have reached; 0 when it does not matter.

    Raises: Invalid.
    """
    in_header = _position("X-Min-Position", request.headers.get("x-min-position"))
    if not request.scope["query_string"]:  # Most reads: taking none apart is saved.
        return in_header or 0
    in_query = _position("min_position", request.query_params.get("min_position"))
    return (in_header if in_query is None else in_query) or 0


def _position(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise Invalid("A position is a whole number.", field=name)
    return int(text)


def seen(request: Request, etag: str) -> str | None:
    """The tag in If-None-Match by which the caller has this answer already, packed or not."""
    text = request.headers.get("if-none-match")
    if text is None or text == etag:
        return text
    if text.strip() == "*":
        return etag
    # Compared weakly: somebody on the way may have packed it (RFC 9110 13.1.2).
    had = {each.strip().removeprefix("W/") for each in text.split(",")}
    return next((tag for tag in (etag, packed_tag(etag)) if tag in had), None)
