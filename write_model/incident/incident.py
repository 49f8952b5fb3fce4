"""An incident as its deciders see it: folded from its events, and only what rules ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import assert_never
from uuid import UUID

from write_model.incident.events import (
    AnyIncidentEvent,
    EvidenceAttached,
    IncidentAcknowledged,
    IncidentAmended,
    IncidentAssigned,
    IncidentCancelled,
    IncidentClosed,
    IncidentDeclared,
    IncidentDescribed,
    IncidentDismissed,
    IncidentEscalated,
    IncidentImpactSet,
    IncidentLinked,
    IncidentMerged,
    IncidentMitigated,
    IncidentPutOnHold,
    IncidentReleased,
    IncidentReopened,
    IncidentReported,
    IncidentResolved,
    IncidentResumed,
    NoteAdded,
    NoteRetracted,
    ReviewWaived,
    Severity,
    SeverityChanged,
    SlaBreached,
    Status,
    TaskAdded,
    TaskCompleted,
    TaskWaived,
    Timer,
)
from write_model.incident.notes import NO_NOTES, Notes, with_note, without_note
from write_model.kernel.changing import changed
from write_model.kernel.importing import ImportedFrom
from write_model.kernel.messages import Aggregate

FINAL = frozenset({Status.DISMISSED, Status.CANCELLED, Status.MERGED})
GRAVE = frozenset({Severity.SEV1, Severity.SEV2})
"""They need a review, and another pair of eyes to close them.

An unknown severity is not among them: nothing is resolved before it was declared with one.
"""

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Incident:
    """`severity` is None until somebody has assessed it; `ended_at`: when last resolved or closed.

    `resolvers` resolved it since it was last reopened. `clock_generation` rises whenever the
    clocks begin anew, so that a timer set before says nothing any more. `breaches`: the timers
    that ran out, each with its generation. `notes`: those that stand, with their authors.
    `amended`: the last value of each amended field.
    """

    status: Status = Status.NONE
    severity: Severity | None = None
    team: str | None = None
    role: str | None = None
    assignee: UUID | None = None
    reporter: UUID | None = None
    source: str | None = None
    source_key: str | None = None
    imported_through: ImportedFrom | None = None
    held_from: Status = Status.IN_PROGRESS
    ended_at: datetime = NEVER
    resolvers: frozenset[UUID] = frozenset()
    clock_generation: int = 0
    breaches: frozenset[tuple[Timer, int]] = frozenset()
    acknowledged: bool = False
    review_waived: bool = False
    open_tasks: frozenset[UUID] = frozenset()
    settled_tasks: frozenset[UUID] = frozenset()
    notes: Notes = NO_NOTES
    amended: Mapping[str, str] = field(default_factory=dict[str, str])

    def after(self, event: AnyIncidentEvent, /, *, by: UUID, at: datetime) -> Incident:
        """An imported event says who did it, and who has the incident from then on."""
        origin = event.imported
        if origin is None:
            return self._after(event, by, at)
        after = self._after(event, origin.person or by, at)
        return changed(
            after,
            team=origin.team or after.team,
            assignee=origin.person or after.assignee,
            imported_through=origin,
        )

    def _after(  # noqa: C901  # one flat case per event, so that the checker sees all of them
        self, event: AnyIncidentEvent, by: UUID, at: datetime
    ) -> Incident:
        match event:
            case NoteAdded(note=note):
                return changed(self, notes=with_note(self.notes, note, by))
            case IncidentAcknowledged():
                return changed(self, status=Status.IN_PROGRESS, acknowledged=True)
            case IncidentReleased(team=team):
                return changed(self, status=Status.OPEN, team=team or self.team, assignee=None)
            case IncidentResolved():
                resolvers = self.resolvers | {by}
                return changed(self, status=Status.RESOLVED, resolvers=resolvers, ended_at=at)
            case IncidentDeclared():
                return self._declared(event)
            case IncidentAssigned():
                return self._assigned(event)
            case IncidentPutOnHold():
                held_from = self.held_from if self.status is Status.ON_HOLD else self.status
                return changed(self, status=Status.ON_HOLD, held_from=held_from)
            case IncidentClosed():
                return changed(self, status=Status.CLOSED, ended_at=at)
            case IncidentResumed(to_status=status):
                return changed(self, status=status)
            case IncidentReopened():
                return self._reopened()
            case IncidentMitigated():
                return changed(self, status=Status.MITIGATED)
            case SeverityChanged(severity=severity):
                return self._with_severity(severity)
            case IncidentReported():
                return self._reported(event)
            case IncidentDismissed():
                return changed(self, status=Status.DISMISSED)
            case IncidentCancelled():
                return changed(self, status=Status.CANCELLED)
            case IncidentMerged():
                return changed(self, status=Status.MERGED)
            case TaskAdded(task=task):
                return changed(self, open_tasks=self.open_tasks | {task})
            case TaskCompleted(task=task) | TaskWaived(task=task):
                return self._with_settled(task)
            case NoteRetracted(note=note):
                return changed(self, notes=without_note(self.notes, note))
            case IncidentAmended(field=name, value=value):
                return changed(self, amended={**self.amended, name: value})
            case ReviewWaived():
                return changed(self, review_waived=True)
            case SlaBreached(timer=timer, generation=generation):
                return changed(self, breaches=self.breaches | {(timer, generation)})
            case (
                IncidentDescribed()
                | IncidentImpactSet()
                | IncidentLinked()
                | EvidenceAttached()
                | IncidentEscalated()
            ):
                return self
            case _:
                assert_never(event)

    def _reported(self, event: IncidentReported) -> Incident:
        return changed(
            self,
            status=Status.TRIAGE,
            team=event.team,
            reporter=event.reporter,
            source=event.source,
            source_key=event.source_key,
        )

    def _declared(self, event: IncidentDeclared) -> Incident:
        return changed(
            self,
            status=Status.OPEN,
            severity=event.severity,
            team=event.team or self.team,
            reporter=event.reporter,
            source=event.source,
            source_key=event.source_key,
            clock_generation=self.clock_generation + 1,
        )

    def _assigned(self, event: IncidentAssigned) -> Incident:
        return changed(
            self,
            team=event.team or self.team,
            role=event.role or self.role,
            assignee=event.person or self.assignee,
        )

    def _reopened(self) -> Incident:
        return changed(
            self,
            status=Status.OPEN,
            resolvers=frozenset(),
            acknowledged=False,
            review_waived=False,
            clock_generation=self.clock_generation + 1,
        )

    def _with_severity(self, severity: Severity) -> Incident:
        raised = self.severity is not None and severity < self.severity
        return changed(self, severity=severity, clock_generation=self.clock_generation + raised)

    def _with_settled(self, task: UUID) -> Incident:
        return changed(
            self, open_tasks=self.open_tasks - {task}, settled_tasks=self.settled_tasks | {task}
        )


INCIDENT = Aggregate("incident", "INC", Incident())
