"""Who may follow: by token or by ticket, and from which pages."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from api.identity.actors import bearer_of
from api.identity.bad_keys import must_not_guess_at_keys
from api.process import Process
from write_model.kernel.access import Actor
from write_model.kernel.errors import Forbidden, Unauthenticated

SUBPROTOCOL = "access_token"

_ELSEWHERE = "Pages of this origin may not follow; the operator allows them in the settings."


def must_come_from_here(connection: HTTPConnection, at: Process) -> None:
    """A browser sends its cookies and opens sockets for any page: so the page is asked for.

    Who is no browser names no origin. Raises: Forbidden.
    """
    origin = connection.headers.get("origin")
    if origin is None or origin in at.settings.allowed_origins:
        return
    if urlsplit(origin).netloc != connection.headers.get("host"):
        raise Forbidden("", _ELSEWHERE)


async def access_token(connection: HTTPConnection, at: Process) -> str:
    """From the header; for browsers from the subprotocols, or for a ticket in the address.

    Raises: Unauthenticated.
    """
    if token := bearer_of(connection):
        return token
    offered: Sequence[str] = connection.scope.get("subprotocols", ())
    if len(offered) == 2 and offered[0] == SUBPROTOCOL:
        return offered[1]
    if ticket := connection.query_params.get("ticket"):
        return await at.tickets.redeem(ticket)
    raise Unauthenticated("Sign in: send an access token as Authorization: Bearer.")


async def comes_in(connection: HTTPConnection, at: Process, token: str) -> Actor:
    """Who it is that comes with this token. Raises: Unauthenticated; RateLimited."""
    try:
        return await at.identity.actors.of(token)
    except Unauthenticated:
        await must_not_guess_at_keys(connection, token)
        raise
