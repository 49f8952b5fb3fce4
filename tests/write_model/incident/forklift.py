"""The story of all tests: a forklift leaks oil in the warehouse, and people deal with it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from tests.write_model.given import MONDAY, actor
from write_model.incident.events import (
    AnyIncidentEvent,
    HoldReason,
    IncidentAcknowledged,
    IncidentAssigned,
    IncidentCancelled,
    IncidentClosed,
    IncidentDeclared,
    IncidentDismissed,
    IncidentMerged,
    IncidentMitigated,
    IncidentPutOnHold,
    IncidentReported,
    IncidentResolved,
    ReviewWaived,
    Severity,
    Status,
    TaskAdded,
)
from write_model.kernel.access import Role

RESPONDER = actor(0xA0, Role.RESPONDER)
COLLEAGUE = actor(0xA1, Role.RESPONDER)
OTHER_COMMANDER = actor(0xC1, Role.INCIDENT_COMMANDER)
REPORTER = actor(0xB0, Role.REPORTER)
VIEWER = actor(0xB1, Role.VIEWER)
IMPORTER = actor(0xD0, Role.SERVICE, source="import")

TASK = UUID(int=0x7A)
WINNER = UUID(int=0x3F)
NEXT_DAY = MONDAY + timedelta(days=1)

REPORTED = IncidentReported(title="Oil under a forklift", reporter=REPORTER.id, source="manual")
DECLARED = IncidentDeclared(
    title="Forklift leaks oil", severity=Severity.SEV3, reporter=REPORTER.id, source="manual"
)
GRAVELY_DECLARED = IncidentDeclared(
    title="Forklift leaks oil", severity=Severity.SEV2, reporter=REPORTER.id, source="manual"
)
ACKNOWLEDGED = IncidentAcknowledged()
ASSIGNED = IncidentAssigned(team="Maintenance", person=RESPONDER.id)
ON_HOLD = IncidentPutOnHold(reason=HoldReason.AWAITING_VENDOR)
MITIGATED = IncidentMitigated()
TASK_ADDED = TaskAdded(task=TASK, title="Spread absorbent")
RESOLVED = IncidentResolved(resolution="Seal replaced", cause_code="wear")
REVIEW_WAIVED = ReviewWaived(reason="The same seal as last month")
CLOSED = IncidentClosed()
DISMISSED = IncidentDismissed(reason="It was water")
CANCELLED = IncidentCancelled(reason="The forklift was sold")
MERGED = IncidentMerged(into=WINNER)

ROAD_TO: dict[Status, tuple[AnyIncidentEvent, ...]] = {
    Status.NONE: (),
    Status.TRIAGE: (REPORTED,),
    Status.OPEN: (DECLARED,),
    Status.IN_PROGRESS: (DECLARED, ACKNOWLEDGED),
    Status.ON_HOLD: (DECLARED, ACKNOWLEDGED, ON_HOLD),
    Status.MITIGATED: (DECLARED, ACKNOWLEDGED, MITIGATED),
    Status.RESOLVED: (DECLARED, RESOLVED),
    Status.CLOSED: (DECLARED, RESOLVED, CLOSED),
    Status.DISMISSED: (REPORTED, DISMISSED),
    Status.CANCELLED: (DECLARED, CANCELLED),
    Status.MERGED: (DECLARED, MERGED),
}
"""How an incident gets to each status."""
