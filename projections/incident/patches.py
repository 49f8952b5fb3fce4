"""Which fields of an incident's document each event changes, and to what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never
from uuid import UUID

from projections.engine.projection import Row
from projections.times import rfc3339
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
    IncidentEvent,
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
    SeverityChanged,
    SlaBreached,
    TaskAdded,
    TaskCompleted,
    TaskWaived,
)
from write_model.kernel.messages import Recorded
from write_model.kernel.personal import Personal, Place, Sealed, travelling

Patch = Mapping[str, Any]


def patch(  # noqa: C901  # one flat case per event, so that the checker sees all of them
    row: Row, event: AnyIncidentEvent, recorded: Recorded
) -> Patch:
    match event:
        case NoteAdded(note=note, text=text):
            note_fields = {"id": str(note), "text": text, "retracted": False}
            return _appended(row, "notes", event, recorded, **note_fields)
        case IncidentAcknowledged():
            return {"status": "in_progress", **_acknowledged(row, rfc3339(recorded.occurred_at))}
        case IncidentReleased(team=team):
            released = {"status": "open", "assignee": None, "hold_reason": None}
            return {**released, "team": team or row["team"]}
        case IncidentResolved(resolution=resolution, cause_code=cause_code):
            resolved = {"status": "resolved", "resolved_at": rfc3339(recorded.occurred_at)}
            said = {"resolution": resolution, "cause_code": cause_code, "hold_reason": None}
            return {**resolved, **said}
        case IncidentDeclared(severity=severity):
            return {**_begun(row, event, recorded), "status": "open", "severity": severity.value}
        case IncidentAssigned(team=team, role=role, person=person):
            return _given(team=team, role=role, assignee=person and str(person))
        case IncidentPutOnHold(reason=reason):
            return {"status": "on_hold", "hold_reason": reason.value}
        case IncidentClosed():
            return {"status": "closed", "closed_at": rfc3339(recorded.occurred_at)}
        case IncidentResumed(to_status=status):
            return {"status": status.value, "hold_reason": None}
        case IncidentReopened():
            return _reopened(row)
        case IncidentMitigated():
            return {"status": "mitigated"}
        case SeverityChanged(severity=severity):
            return {"severity": severity.value}
        case IncidentReported():
            return {**_begun(row, event, recorded), "status": "triage"}
        case IncidentDismissed(reason=reason):
            return {"status": "dismissed", "outcome_reason": reason}
        case IncidentCancelled(reason=reason):
            return {"status": "cancelled", "outcome_reason": reason, "hold_reason": None}
        case IncidentMerged(into=into):
            return {"status": "merged", "merged_into": str(into), "hold_reason": None}
        case IncidentDescribed(title=title, description=description):
            return _given(title=title, description=description)
        case IncidentImpactSet(impact=impact, injured=injured):
            return _given(impact=impact, injured=_injured(injured, recorded))
        case IncidentLinked(link=link, kind=kind, target=target):
            return _appended(row, "links", event, recorded, id=str(link), kind=kind, target=target)
        case TaskAdded():
            return _appended(row, "tasks", event, recorded, **_task(event))
        case TaskCompleted(task=task):
            return _changed(row, "tasks", task, {"status": "done"})
        case TaskWaived(task=task, reason=reason):
            return _changed(row, "tasks", task, {"status": "waived", "reason": reason})
        case EvidenceAttached():
            return _appended(row, "evidence", event, recorded, **_evidence(event))
        case IncidentEscalated():
            return {"escalations": row["escalations"] + 1}
        case NoteRetracted(note=note):
            return _changed(row, "notes", note, {"retracted": True})
        case IncidentAmended(field=field, value=value, reason=reason):
            amendment = {"value": value, "reason": reason, **_by(event, recorded)}
            return {"amended": {**row["amended"], field: amendment}}
        case ReviewWaived(reason=reason):
            return {"review_waived": reason}
        case SlaBreached(timer=timer, generation=generation):
            breach = {"timer": timer, "generation": generation}
            return _appended(row, "sla_breaches", event, recorded, **breach)
        case _:
            assert_never(event)


def _begun(row: Row, event: IncidentReported | IncidentDeclared, recorded: Recorded) -> Patch:
    return {
        "title": event.title,
        "description": event.description or row["description"],
        "priority": (event.priority and event.priority.value) or row["priority"],
        "team": event.team or row["team"],
        "reporter": str(event.reporter),
        "source": event.source,
        "source_key": event.source_key,
        "opened_at": row["opened_at"] or rfc3339(recorded.occurred_at),
        "injured": _injured(event.injured, recorded) or row["injured"],
    }


def _acknowledged(row: Row, at: str) -> Patch:
    return {
        "acknowledged_at": row["acknowledged_at"] or at,
        "first_acknowledged_at": row["first_acknowledged_at"] or at,
    }


def _reopened(row: Row) -> Patch:
    return {
        "status": "open",
        "reopened": row["reopened"] + 1,
        "acknowledged_at": None,
        "resolved_at": None,
        "closed_at": None,
        "resolution": None,
        "cause_code": None,
        "review_waived": None,
    }


def _given(**values: Any) -> Patch:
    """What an event leaves out stays as it was."""
    return {name: value for name, value in values.items() if value is not None}


def _by(event: IncidentEvent, recorded: Recorded) -> Patch:
    """Who said it and when; in imported history the person of the old row."""
    person = event.imported and event.imported.person
    return {"author": str(person or recorded.actor), "at": rfc3339(recorded.occurred_at)}


def _appended(row: Row, name: str, event: IncidentEvent, recorded: Recorded, **item: Any) -> Patch:
    return {name: [*row[name], {**item, **_by(event, recorded)}]}


def _changed(row: Row, name: str, id_: UUID, values: Patch) -> Patch:
    key = str(id_)
    return {name: [{**item, **values} if item["id"] == key else item for item in row[name]]}


def _task(event: TaskAdded) -> Patch:
    assignee = event.assignee and str(event.assignee)
    return {"id": str(event.task), "title": event.title, "assignee": assignee, "status": "open"}


def _evidence(event: EvidenceAttached) -> Patch:
    return {
        "id": str(event.evidence),
        "object_key": event.object_key,
        "sha256": event.sha256,
        "size": event.size,
        "media_type": event.media_type,
    }


def _injured(injured: Personal[str] | None, recorded: Recorded) -> Patch | None:
    """Sealed as it was; stored events hold no clear value."""
    if not isinstance(injured, Sealed):
        return None
    place = Place(recorded.tenant, recorded.stream, recorded.command, "injured")
    return travelling(injured, place)
