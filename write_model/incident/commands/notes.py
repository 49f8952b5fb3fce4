"""What may still be said when all is over: notes, and amendments beside the original."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from write_model.incident.commands.command import IncidentCommand
from write_model.incident.commands.inputs import Name, Reason, Text, Title
from write_model.incident.events import (
    AmendableField,
    IncidentAmended,
    NoteAdded,
    NoteRetracted,
    Severity,
    Status,
)
from write_model.incident.incident import Incident
from write_model.incident.notes import author_of
from write_model.kernel.access import Actor
from write_model.kernel.errors import Invalid, NotFound
from write_model.kernel.messages import Moment
from write_model.kernel.times import Time

BEGUN = tuple(status for status in Status if status is not Status.NONE)

AMENDABLE: dict[AmendableField, TypeAdapter[Any]] = {
    "title": TypeAdapter(Title),
    "description": TypeAdapter(Text),
    "severity": TypeAdapter(Severity),
    "resolution": TypeAdapter(Text),
    "cause_code": TypeAdapter(Name),
    "team": TypeAdapter(Name),
    "occurred_at": TypeAdapter(Time),
    "source_status": TypeAdapter(Name),
}
"""What each field's amended value must look like."""


class AddNote(IncidentCommand):
    """Add a note, at any time; `occurred_at` says when it was true."""

    permission = "incident.respond"
    verb = "notes"
    legal_from = BEGUN

    text: Text
    """What is to be remembered. It is kept in clear."""

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[NoteAdded]:
        yield NoteAdded(note=moment.ids(), text=self.text)


class RetractNote(IncidentCommand):
    """Take a note back; it stays visible in the history. For its author and commanders."""

    permission = "incident.respond"
    verb = "notes/retract"
    legal_from = BEGUN

    note: UUID

    def needs(self, incident: Incident, actor: Actor, /) -> str:
        author = author_of(incident.notes, self.note)
        return self.permission if author in {None, actor.id} else "incident.command"

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[NoteRetracted]:
        if author_of(incident.notes, self.note) is None:
            raise NotFound("There is no such note, or it was retracted before.")
        yield NoteRetracted(note=self.note)


class AmendIncident(IncidentCommand):
    """Correct a field of an ended incident; the original stays beside it."""

    permission = "incident.command"
    verb = "amendments"
    legal_from = (Status.CLOSED, Status.DISMISSED, Status.CANCELLED, Status.MERGED)

    field: AmendableField
    """Which field is put right."""
    value: Text
    """What it should have said, written as the field is."""
    reason: Reason

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[IncidentAmended]:
        try:
            AMENDABLE[self.field].validate_python(self.value)
        except ValidationError as error:
            raise Invalid(f"This is no {self.field}.", field="value") from error
        yield IncidentAmended(field=self.field, value=self.value, reason=self.reason)
