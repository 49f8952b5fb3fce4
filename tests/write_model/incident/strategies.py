"""Any command and any event, from anybody: what the properties are tried on."""

from __future__ import annotations

from typing import Any, get_args

from hypothesis import strategies as st

from tests.write_model.given import COMMANDER, fresh_id
from tests.write_model.incident.forklift import (
    COLLEAGUE,
    OTHER_COMMANDER,
    REPORTER,
    RESPONDER,
    WINNER,
)
from write_model.incident.commands import COMMANDS, HoldIncident, IncidentCommand
from write_model.incident.events import (
    AnyIncidentEvent,
    HoldReason,
    Priority,
    Severity,
)
from write_model.kernel.access import system_actor
from write_model.kernel.importing import ImportedFrom

words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40).filter(
    lambda text: bool(text.strip())
)
actors = st.sampled_from(
    (RESPONDER, COLLEAGUE, COMMANDER, OTHER_COMMANDER, REPORTER, system_actor(COMMANDER.tenant))
)
subjects = actors.map(lambda actor: actor.id)
teams = st.sampled_from(["Maintenance", "Vendor desk"])
made_ids = st.integers(1, 12).map(fresh_id)
"""Ids that earlier decisions were likely handed, so that tasks and notes are found again."""

rows = st.builds(
    ImportedFrom,
    row=st.integers(1, 40),
    step=st.integers(0, 2),
    team=st.none() | teams,
    person=st.none() | subjects,
)

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "occurred_at": st.none(),
    "imported": st.none(),
    "title": words,
    "description": st.none() | words,
    "priority": st.none() | st.sampled_from(Priority),
    "severity": st.sampled_from(Severity),
    "to": st.sampled_from(Severity),
    "team": st.none() | teams,
    "role": st.none() | words,
    "person": st.none() | subjects,
    "assignee": st.none() | subjects,
    "source": st.just("sensor"),
    "source_key": st.none() | st.sampled_from(["leak-7", "leak-8"]),
    "injured": st.none(),
    "reason": words,
    "resolution": words,
    "cause_code": st.none() | words,
    "impact": words,
    "text": words,
    "kind": st.sampled_from(["relates_to", "duplicates"]),
    "target": words.map(lambda text: text.replace(":", "-")),
    "into": st.sampled_from([WINNER, COMMANDER.id]),
    "task": made_ids,
    "note": made_ids,
    "object_key": st.just("photos/1"),
    "sha256": st.just("ab" * 32),
    "size": st.integers(0, 2**40),
    "media_type": st.just("image/png"),
    "field": st.sampled_from(["title", "severity", "occurred_at"]),
    "value": words | st.sampled_from(["sev1", "2026-03-01T08:00:00Z"]),
    "timer": st.sampled_from(["acknowledge", "resolve"]),
    "generation": st.integers(0, 4),
}


def _built(command: type[IncidentCommand]) -> st.SearchStrategy[IncidentCommand]:
    fields = {name: FIELDS[name] for name in command.model_fields}
    if command is HoldIncident:
        fields["reason"] = st.sampled_from(HoldReason)
    return st.builds(command, **fields)


commands: st.SearchStrategy[IncidentCommand] = st.one_of(*map(_built, COMMANDS))
tellable = commands.filter(lambda command: command.of_history)
"""Those that an import may send."""


def _happening(event: type[AnyIncidentEvent]) -> st.SearchStrategy[AnyIncidentEvent]:
    fields: dict[str, st.SearchStrategy[Any]] = {"imported": st.none() | rows}
    if "injured" in event.__dataclass_fields__:
        fields["injured"] = st.none()
    return st.builds(event, **fields)


events: st.SearchStrategy[AnyIncidentEvent] = st.one_of(
    *map(_happening, get_args(AnyIncidentEvent))
)
