"""What is written down beside the log: who was refused, and who was shown what is kept sealed."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import islice
from uuid import UUID

from starlette.requests import HTTPConnection

from api.process import process
from api.references import spelled
from api.refusals import Malformed, PayloadTooLarge, UnsupportedMediaType, WrongFields
from write_model.kernel.access import Actor
from write_model.kernel.access_log import Access
from write_model.kernel.errors import DomainError, Forbidden, RateLimited

PERSONAL = "incident.personal"
"""Permits to see who was injured, and to read the names that stand sealed in history."""

_SHOWN = "shown"
_TELLING = ("after", "limit")
"""Parameters that say what was shown, where they are numbers; not every route reads them."""
_NUMBER = re.compile(r"[0-9]{1,18}")
_MOST_IDS = 27
"""They take a kilobyte; of more people the entry says how many."""


_ON_RECORD = (
    Forbidden,
    RateLimited,
    Malformed,
    WrongFields,
    PayloadTooLarge,
    UnsupportedMediaType,
)


def refused(connection: HTTPConnection, refusal: DomainError) -> None:
    """Who tried to get past a control, and which; without an actor there is nobody to name."""
    actor: Actor | None = connection.scope.get("actor")
    if actor is not None and isinstance(refusal, _ON_RECORD):
        permission = refusal.permission if isinstance(refusal, Forbidden) else ""
        _write_down(connection, actor, permission, refusal.code)


def shown(
    connection: HTTPConnection, actor: Actor, permission: str, *, people: Collection[UUID] = ()
) -> None:
    """Who was shown names, addresses or injured persons, and by which permission.

    `people`: who was shown, where the route does not say it.
    """
    _write_down(connection, actor, permission, _SHOWN, people)


def _write_down(
    connection: HTTPConnection,
    actor: Actor,
    permission: str,
    outcome: str,
    people: Collection[UUID] = (),
) -> None:
    identity = process(connection).identity
    now, access_log = identity.clock(), identity.access_log
    # First: of a caller who reads a lot, most reads end here.
    if not access_log.admits(actor.id, permission, outcome, now=now):
        return
    route = getattr(connection.scope.get("route"), "path", "")
    what = f"{connection.scope.get('method', 'WS')} {route}"
    told = _told(connection, people) if outcome == _SHOWN else ""
    target = _target(connection, route) + told
    access_log.note(Access(actor.tenant, now, actor.id, what, permission, target, outcome))


def _target(connection: HTTPConnection, route: str) -> str:
    """The route with the records that it names; any other text may be personal, or a secret."""
    target = route
    for name, text in connection.path_params.items():
        if (record := spelled(text)) is not None:
            target = target.replace(f"{{{name}}}", record)
    return target


def _told(connection: HTTPConnection, people: Collection[UUID]) -> str:
    given = connection.query_params
    told = [f"ids={_listed(people)}"] if people else []
    told += [f"{name}={given[name]}" for name in _TELLING if _NUMBER.fullmatch(given.get(name, ""))]
    return f"?{'&'.join(told)}" if told else ""


def _listed(people: Collection[UUID]) -> str:
    ids = [str(person) for person in islice(people, _MOST_IDS)]
    more = len(people) - len(ids)
    return ",".join([*ids, f"...+{more}"] if more else ids)
