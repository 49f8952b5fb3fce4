"""Where a request comes from: the word of a proxy is taken only where the settings name it."""

from collections.abc import Iterable

from starlette.requests import HTTPConnection

from api.identity.networks import plain
from api.process import process
from write_model.kernel.settings import Network


def address(connection: HTTPConnection) -> str:
    """That of the client, as far as somebody trusted tells it; the connection's own otherwise."""
    peer = connection.client.host if connection.client else ""
    trusted = process(connection).settings.trusted_proxies
    if not trusted:
        return peer
    listed = ",".join(connection.headers.getlist("x-forwarded-for")).split(",")
    return beyond(trusted, peer, [each.strip() for each in listed])


def beyond(trusted: Iterable[Network], peer: str, forwarded: list[str]) -> str:
    """The first address, from here outwards, that is no trusted proxy's.

    `forwarded`: what `X-Forwarded-For` lists; each proxy adds at its end whom it was asked by, so
    all that stands left of an address that is not trusted may be made up. What is no address ends
    the search at the proxy that told of it.
    """
    nearest = peer
    while _is_of(trusted, nearest) and forwarded and plain(forwarded[-1]) is not None:
        nearest = forwarded.pop()
    return nearest


def _is_of(trusted: Iterable[Network], text: str) -> bool:
    found = plain(text)
    return found is not None and any(found in network for network in trusted)
