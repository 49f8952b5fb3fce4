"""What a request's headers promise and expect: versions, a key, a position, an answer it has."""

import re
from hashlib import sha256
from uuid import UUID

from fastapi import Request

from api.header_fields import header
from api.packing import packed_tag
from api.refusals import Malformed
from write_model.deciding import Versions
from write_model.kernel.errors import Invalid
from write_model.kernel.messages import IdempotencyKey

# Without quotes too: some clients take them off, and a whole number can mean nothing else.
_TAG = r'(?:W/)?"[0-9]{1,18}(?:\.[!#-~]*)?"|[0-9]{1,18}'
EXPECTED = re.compile(rf"\*|(?:{_TAG})(?:[ \t]*,[ \t]*(?:{_TAG}))*")
"""What an If-Match may be."""
_VERSION = re.compile(r'(W/)?"?([0-9]{1,18})(?:\.[!#-~]*)?"?')
_NO_VERSION = 0
_KEY_LIMIT = 255


def expected_versions(request: Request) -> Versions | None:
    """The version in If-Match, or several; None when there is no such header, or `*`.

    A weak tag is of no version: it says that two answers mean the same (RFC 9110 13.1.1).
    Raises: Malformed.
    """
    text = header(request, b"if-match")
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
    key = header(request, b"idempotency-key")
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
    in_header = _position("X-Min-Position", header(request, b"x-min-position"))
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
    text = header(request, b"if-none-match")
    if text is None or text == etag:
        return text
    if text.strip() == "*":
        return etag
    # Compared weakly: somebody on the way may have packed it (RFC 9110 13.1.2).
    had = {each.strip().removeprefix("W/") for each in text.split(",")}
    return next((tag for tag in (etag, packed_tag(etag)) if tag in had), None)
