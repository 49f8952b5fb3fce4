"""What no parameter of an address may be, whatever route it is for."""

from collections import Counter

from fastapi import Request

from write_model.kernel.errors import Invalid

_MOST_PARAMETERS = 100
_NUL = b"%00"


def must_be_said_once(request: Request) -> None:
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


def must_be_storable(request: Request) -> None:
    """No text of the database holds a NUL character: compared with one it fails (Postgres 22021).

    For all parameters at once, so that no new filter is forgotten. In a path it only names nothing.
    """
    if _NUL not in request.scope["query_string"]:
        return
    for name, value in request.query_params.multi_items():
        if "\0" in name + value:
            raise Invalid("A parameter cannot hold the NUL character.", field=name)
