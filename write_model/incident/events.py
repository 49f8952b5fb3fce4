"""What can happen to an incident, in the words that the log keeps forever.

Who did it and when stand in the log's columns; for imported history the person of the old row
(`imported.person`) is who did it. Names never stand here: a person is a subject id.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic.dataclasses import dataclass as pydantic_dataclass

from write_model.kernel.importing import ImportedFrom
from write_model.kernel.messages import Event, event
from write_model.kernel.personal import Personal


class Status(StrEnum):
    """In life-cycle order; `none` is a stream on which nothing has happened."""

    NONE = "none"
    TRIAGE = "triage"
    OPEN = "open"
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    CLOSED = "closed"
    DISMISSED = "dismissed"
    CANCELLED = "cancelled"
    MERGED = "merged"


class Severity(StrEnum):
    """`sev1` is the gravest; as text the gravest sorts first."""

    SEV1 = "sev1"
    SEV2 = "sev2"
    SEV3 = "sev3"
    SEV4 = "sev4"


class Priority(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class HoldReason(StrEnum):
    AWAITING_CALLER = "awaiting_caller"
    AWAITING_VENDOR = "awaiting_vendor"
    AWAITING_CHANGE = "awaiting_change"
    AWAITING_PROBLEM = "awaiting_problem"
    SCHEDULED = "scheduled"
    OTHER = "other"


LinkKind = Literal["relates_to", "caused_by", "duplicates", "reference"]
Timer = Literal["acknowledge", "resolve"]
AmendableField = Literal[
    "title",
    "description",
    "severity",
    "resolution",
    "cause_code",
    "team",
    "occurred_at",
    "source_status",
]


@pydantic_dataclass(frozen=True, slots=True, kw_only=True)
class IncidentEvent(Event):
    """`deviations`: the rules that imported history broke, by name; None when none."""

    imported: ImportedFrom | None = None
    deviations: tuple[str, ...] | None = None


@event("incident.reported")
class IncidentReported(IncidentEvent):
    title: str
    reporter: UUID
    source: str
    source_key: str | None = None
    description: str | None = None
    priority: Priority | None = None
    team: str | None = None
    injured: Personal[str] | None = None


@event("incident.declared")
class IncidentDeclared(IncidentEvent):
    """What it leaves out stays as the report said, where one came before."""

    title: str
    severity: Severity
    reporter: UUID
    source: str
    source_key: str | None = None
    description: str | None = None
    priority: Priority | None = None
    team: str | None = None
    injured: Personal[str] | None = None


@event("incident.dismissed")
class IncidentDismissed(IncidentEvent):
    reason: str


@event("incident.acknowledged")
class IncidentAcknowledged(IncidentEvent):
    pass


@event("incident.assigned")
class IncidentAssigned(IncidentEvent):
    """What is None stays as it was."""

    team: str | None = None
    role: str | None = None
    person: UUID | None = None


@event("incident.released")
class IncidentReleased(IncidentEvent):
    """Nobody is assigned any more; without `team` the team stays."""

    team: str | None = None


@event("incident.severity_changed")
class SeverityChanged(IncidentEvent):
    """`from_severity` is None for a report that had not been assessed."""

    from_severity: Severity | None = None
    severity: Severity
    reason: str


@event("incident.put_on_hold")
class IncidentPutOnHold(IncidentEvent):
    reason: HoldReason


@event("incident.resumed")
class IncidentResumed(IncidentEvent):
    """`to_status`: the one before the hold."""

    to_status: Status


@event("incident.mitigated")
class IncidentMitigated(IncidentEvent):
    pass


@event("incident.resolved")
class IncidentResolved(IncidentEvent):
    resolution: str
    cause_code: str | None = None


@event("incident.closed")
class IncidentClosed(IncidentEvent):
    pass


@event("incident.reopened")
class IncidentReopened(IncidentEvent):
    from_status: Status
    reason: str


@event("incident.cancelled")
class IncidentCancelled(IncidentEvent):
    reason: str


@event("incident.merged")
class IncidentMerged(IncidentEvent):
    """On the loser; `into` is the stream of the winner."""

    into: UUID


@event("incident.described")
class IncidentDescribed(IncidentEvent):
    """What is None stays as it was."""

    title: str | None = None
    description: str | None = None


@event("incident.impact_set")
class IncidentImpactSet(IncidentEvent):
    """Without `injured` the injured person stays as named before."""

    impact: str
    injured: Personal[str] | None = None


@event("incident.linked")
class IncidentLinked(IncidentEvent):
    """`target`: a record's id, or the address of a `reference`."""

    link: UUID
    kind: LinkKind
    target: str


@event("incident.task_added")
class TaskAdded(IncidentEvent):
    task: UUID
    title: str
    assignee: UUID | None = None


@event("incident.task_completed")
class TaskCompleted(IncidentEvent):
    task: UUID


@event("incident.task_waived")
class TaskWaived(IncidentEvent):
    task: UUID
    reason: str


@event("incident.evidence_attached")
class EvidenceAttached(IncidentEvent):
    """`sha256` in hexadecimal, `size` in bytes."""

    evidence: UUID
    object_key: str
    sha256: str
    size: int
    media_type: str


@event("incident.escalated")
class IncidentEscalated(IncidentEvent):
    reason: str


@event("incident.note_added")
class NoteAdded(IncidentEvent):
    note: UUID
    text: str


@event("incident.note_retracted")
class NoteRetracted(IncidentEvent):
    note: UUID


@event("incident.amended")
class IncidentAmended(IncidentEvent):
    """The original stays; documents show `value` beside it."""

    field: AmendableField
    value: str
    reason: str


@event("incident.review_waived")
class ReviewWaived(IncidentEvent):
    reason: str


@event("incident.sla_breached")
class SlaBreached(IncidentEvent):
    """`generation`: that of the clocks when the timer was set; see `Incident`."""

    timer: Timer
    generation: int


AnyIncidentEvent = (
    NoteAdded
    | IncidentAcknowledged
    | IncidentReleased
    | IncidentResolved
    | IncidentDeclared
    | IncidentAssigned
    | IncidentPutOnHold
    | IncidentClosed
    | IncidentResumed
    | IncidentReopened
    | IncidentMitigated
    | SeverityChanged
    | IncidentReported
    | IncidentDismissed
    | IncidentCancelled
    | IncidentMerged
    | IncidentDescribed
    | IncidentImpactSet
    | IncidentLinked
    | TaskAdded
    | TaskCompleted
    | TaskWaived
    | EvidenceAttached
    | IncidentEscalated
    | NoteRetracted
    | IncidentAmended
    | ReviewWaived
    | SlaBreached
)
"""All of them, the most frequent of a real log first."""
