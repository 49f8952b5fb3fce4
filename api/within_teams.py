"""Keeps who is bound to teams to their incidents, in what he reads; all others it lets be."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic_core import from_json

from write_model.kernel.access import Actor
from write_model.kernel.errors import NotFound

_NOBODY_S = " "
"""No team is called so: whatever names one is stripped of blanks."""


def narrowed(actor: Actor, asked: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a list or figure, without `min_position`, for what he may see of it."""
    given = {name: value for name, value in asked.items() if name != "min_position"}
    if actor.teams is None:
        return given
    wanted = set(given["team"].split(",")) & actor.teams if "team" in given else actor.teams
    return given | {"team": ",".join(sorted(wanted)) or _NOBODY_S}


def must_be_of_his_teams(actor: Actor, team: str | None) -> None:
    """Raises: NotFound, as of what never was."""
    if actor.teams is not None and team not in actor.teams:
        raise NotFound


def must_show(actor: Actor, document: bytes) -> None:
    """Raises: NotFound, as of what never was."""
    if actor.teams is not None:
        must_be_of_his_teams(actor, from_json(document).get("team"))
