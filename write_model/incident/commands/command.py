"""What all commands of an incident share: who may, from which status, and the import's marks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, ClassVar, cast
from uuid import UUID

from pydantic import AfterValidator, StringConstraints, TypeAdapter

from write_model.incident.events import AnyIncidentEvent, Status
from write_model.incident.incident import FINAL, INCIDENT, Incident
from write_model.kernel.access import Actor
from write_model.kernel.changing import changed
from write_model.kernel.errors import Forbidden, IllegalTransition, NotFound, RecordLocked
from write_model.kernel.importing import Guard, ImportedFrom, deviations
from write_model.kernel.messages import Aggregate, Command, Moment
from write_model.kernel.texts import STORABLE

_INTEGER_MAX = 2_147_483_647
"""The largest number of an `integer` column in Postgres."""
_TEAM: TypeAdapter[str] = TypeAdapter(
    Annotated[str, StringConstraints(max_length=200, pattern=STORABLE)]
)


def _within_bounds(imported: ImportedFrom) -> ImportedFrom:
    if max(imported.row, imported.step) > _INTEGER_MAX:
        raise ValueError(f"A row and its step may be {_INTEGER_MAX} at most.")
    _TEAM.validate_python(imported.team or "")
    return imported


# Bounded here, not in the events: what was stored before must stay readable.
BoundedImport = Annotated[ImportedFrom, AfterValidator(_within_bounds)]

UNSOLVED = (Status.OPEN, Status.IN_PROGRESS, Status.ON_HOLD, Status.MITIGATED)
UNENDED = (Status.TRIAGE, *UNSOLVED)


class IncidentCommand(Command):
    """Something asked of one incident.

    `permission` is the least that any use of the command needs; `needs` says what this one does.
    """

    aggregate: ClassVar[Aggregate] = INCIDENT
    verb: ClassVar[str]
    """Its name in routes and in the list of what may be done next."""
    legal_from: ClassVar[tuple[Status, ...]]
    """In life-cycle order."""
    of_history: ClassVar[bool] = True
    """Whether a row of an old log may become it."""

    imported: BoundedImport | None = None
    """The row of an older system that this stands for; needs the permission records.import."""

    @classmethod
    def needs_at_least(cls, incident: Incident, actor: Actor, /) -> str:
        """The permission as far as the command's fields do not matter."""
        return cls.permission

    def needs(self, incident: Incident, actor: Actor, /) -> str:
        """The permission that this command needs."""
        return self.needs_at_least(incident, actor)

    @classmethod
    def guards(cls, incident: Incident, moment: Moment, by: UUID, /) -> tuple[Guard, ...]:
        """Rules that bind live commands and become deviations of imported ones."""
        return ()

    def changes_nothing(self, incident: Incident, /) -> bool:
        """Whether it was carried out before, so that it succeeds without an event."""
        return self.imported is not None and not self.imported.is_after(incident.imported_through)

    def outcome(self, incident: Incident, moment: Moment, /) -> tuple[AnyIncidentEvent, ...]:
        """The decision, complete.

        Raises: Forbidden, NotFound, RecordLocked, IllegalTransition, Invalid.
        """
        self._must_be_permitted(incident, moment.actor)
        if self.changes_nothing(incident):
            return ()
        self._must_be_legal(incident.status)
        guards = self.guards(incident, moment, self.by(moment))
        broken = deviations(moment, guards) if guards else None
        events = cast("Iterable[AnyIncidentEvent]", self.decide(incident, moment))
        if self.imported is None:
            return _begun_within(tuple(events), incident, moment.actor)
        return tuple(changed(e, imported=self.imported, deviations=broken) for e in events)

    def is_within(self, incident: Incident, teams: frozenset[str], /) -> bool:
        return incident.team in teams

    def by(self, moment: Moment, /) -> UUID:
        """Who does it: for imported history the person of the old row, where it names one."""
        return (self.imported and self.imported.person) or moment.actor.id

    def _must_be_permitted(self, incident: Incident, actor: Actor) -> None:
        if (self.imported is None) is (actor.source == "import"):
            raise Forbidden("records.import", "Imported rows come from an import, and only they.")
        importing = self.of_history and self.imported is not None
        if importing:
            actor.must("records.import")
        else:
            actor.must_within(self.needs(incident, actor))

    def _must_be_legal(self, status: Status) -> None:
        if status in self.legal_from:
            return
        if status is Status.NONE:
            raise NotFound
        if status in FINAL:
            raise RecordLocked(f"The incident is {status} and stays so; add a note or amend it.")
        raise IllegalTransition(self._refusal(status), allowed=self._allowed())

    def _refusal(self, status: Status) -> str:
        when = ", ".join(self._allowed()).replace("_", " ") or "never again"
        now = status.replace("_", " ")
        return f"The incident is {now}; '{self.verb}' is possible while it is: {when}."

    def _allowed(self) -> tuple[str, ...]:
        return tuple(status.value for status in self.legal_from if status is not Status.NONE)


def _begun_within(
    events: tuple[AnyIncidentEvent, ...], incident: Incident, actor: Actor
) -> tuple[AnyIncidentEvent, ...]:
    """Whoever is bound to teams begins incidents of theirs, which he sees afterwards.

    Raises: Forbidden.
    """
    if actor.teams is None or incident.status is not Status.NONE:
        return events
    for event in events:
        if getattr(event, "team", None) not in actor.teams:
            raise Forbidden("incident.report", "Say which of your teams it is for.")
    return events


def business_time(moment: Moment) -> datetime:
    """The time that windows are measured at: nobody but an import may set it back."""
    return moment.occurred_at if moment.actor.source == "import" else moment.now
