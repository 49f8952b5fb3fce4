"""A request's header fields by name: read into a dictionary once, for a command asks for six."""

from starlette.requests import HTTPConnection
from starlette.types import Scope

_FIELDS = "fields"


def header(connection: HTTPConnection, name: bytes) -> str | None:
    """The first of this name, which is in lower case; None where there is none."""
    value = _fields(connection.scope).get(name)
    return None if value is None else value.decode("latin-1")


def _fields(scope: Scope) -> dict[bytes, bytes]:
    """Name in lower case -> the first value."""
    found: dict[bytes, bytes] | None = scope.get(_FIELDS)
    if found is None:
        found = scope[_FIELDS] = dict(reversed(scope["headers"]))
    return found


def forget(scope: Scope) -> None:
    """They are asked for no more: what lives for long does without."""
    scope.pop(_FIELDS, None)
