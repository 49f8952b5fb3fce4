"""What is written down beside the log: who was refused, and who was shown what is kept sealed."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from api.process import process
from api.references import spelled
from write_model.kernel.access import Actor
from write_model.kernel.access_log import Access
from write_model.kernel.errors import Forbidden

PERSONAL = "incident.personal"
"""Permits to see who was injured, and to read the names that stand sealed in history."""

_SHOWN = "shown"
_TELLING = ("ids", "after", "limit")
"""Parameters that say what was shown, and that a route has found to be ids and numbers."""
_LONGEST = 1_000
"""Of the parameters: 27 ids."""


def refused(connection: HTTPConnection, refusal: Forbidden) -> None:
    """Who was refused what; without an actor there is nobody to name."""
    actor: Actor | None = connection.scope.get("actor")
    if actor is not None:
        _write_down(connection, actor, refusal.permission, refusal.code)


def shown(connection: HTTPConnection, actor: Actor, permission: str) -> None:
    """Who was shown names, addresses or injured persons, and by which permission."""
    _write_down(connection, actor, permission, _SHOWN)


def _write_down(connection: HTTPConnection, actor: Actor, permission: str, outcome: str) -> None:
    identity = process(connection).identity
    now, access_log = identity.clock(), identity.access_log
    # First: of a caller who reads a lot, most reads end here.
    if not access_log.admits(actor.id, permission, outcome, now=now):
        return
    route = getattr(connection.scope.get("route"), "path", "")
    what = f"{connection.scope.get('method', 'WS')} {route}"
    target = _target(connection, route) + (_told(connection) if outcome == _SHOWN else "")
    access_log.note(Access(actor.tenant, now, actor.id, what, permission, target, outcome))


def _target(connection: HTTPConnection, route: str) -> str:
    """The route with the records that it names; any other text may be personal, or a secret."""
    target = route
    for name, text in connection.path_params.items():
        if (record := spelled(text)) is not None:
            target = target.replace(f"{{{name}}}", record)
    return target


def _told(connection: HTTPConnection) -> str:
    given = connection.query_params
    told = "&".join(f"{name}={given[name]}" for name in _TELLING if given.get(name))
    return f"?{told[:_LONGEST]}" if told else ""
