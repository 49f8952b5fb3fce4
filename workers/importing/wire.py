"""What the commands of an old log look like as requests on the public routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.importing.mapping import Command, Kind

_VERBS = {Kind.NOTE: "notes", Kind.AMEND: "amendments"}


def path(command: Command, incident: str) -> str:
    """`incident`: its id; not looked at for a declare, which makes it."""
    if command.kind is Kind.DECLARE:
        return "/v1/incidents"
    return f"/v1/incidents/{incident}/{_VERBS.get(command.kind, command.kind)}"


def body(command: Command, people: Mapping[str, Any]) -> dict[str, Any]:
    """`people`: the subject id of every name, text or not; names never leave in a command."""
    person = people[command.person] if command.person else None
    fields = command.fields | {"person": person} if command.kind is Kind.ASSIGN else command.fields
    return fields | {
        "occurred_at": command.at,
        "imported": {
            "row": command.row,
            "step": command.step,
            "team": command.team,
            "person": person,
        },
    }
