"""Who asks, and whether he is let in: known, within his limits, and with what the route demands."""

from fastapi import Request

from api.door import is_query
from api.identity.actors import actor, bearer_of
from api.identity.bad_keys import must_not_guess_at_keys
from api.limits import COMMANDS, QUERIES
from api.observing import LIMITS
from api.parameters import must_be_said_once, must_be_storable
from api.places import PLACE, Place
from api.process import process
from write_model.kernel.access import Actor
from write_model.kernel.errors import (
    DomainError,
    Overloaded,
    RateLimited,
    SecondFactorMissing,
    Unauthenticated,
)

IMPORT = "records.import"


async def caller(
    request: Request,
    permission: str | None = None,
    *,
    within_teams: bool = False,
    may_import: bool = False,
) -> Actor:
    """Who asks, once the address is known to hold nothing that no record can.

    `within_teams`: the route itself keeps who is bound to teams to their records; without it
    nobody is let in who is bound. `may_import`: the route itself counts who may import and is let
    in, once it has read whether he does.
    Raises: Unauthenticated; RateLimited; SecondFactorMissing; Forbidden when the permission is
    missing; Invalid.
    """
    try:
        found = await actor(request)
    except Unauthenticated:
        await must_not_guess_at_keys(request, bearer_of(request))
        raise
    request.scope["actor"] = found
    kind = _kind(request)
    _take_place(request, found, kind)
    is_counted = not (may_import and found.may(IMPORT))
    if is_counted:
        await limited(request, found, kind)
    try:
        _must_be_let_in(request, found, permission, within_teams=within_teams)
    except DomainError:
        if not is_counted:
            await limited(request, found, kind)
        raise
    return found


def _must_be_let_in(
    request: Request, found: Actor, permission: str | None, *, within_teams: bool
) -> None:
    """Raises: SecondFactorMissing; Forbidden; Invalid."""
    if found.lacks_second_factor and not _is_for_enrolling(request.scope["path"]):
        raise SecondFactorMissing
    if within_teams and permission is not None:
        found.must_within(permission)
    elif permission is not None:
        found.must(permission)
    must_be_storable(request)
    must_be_said_once(request)


def _kind(request: Request) -> str:
    scope = request.scope
    return QUERIES if is_query(scope["method"], scope["path"]) else COMMANDS


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
