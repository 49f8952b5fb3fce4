"""Every command of an incident at its address."""

from fastapi import APIRouter

from api.commands import accept, begin
from api.routes import PlainRoute
from write_model.incident.commands import (
    AcknowledgeIncident,
    AddNote,
    AddTask,
    AmendIncident,
    AssignIncident,
    AttachEvidence,
    CancelIncident,
    ChangeSeverity,
    CloseIncident,
    CompleteTask,
    DeclareIncident,
    DescribeIncident,
    DismissIncident,
    EscalateIncident,
    HoldIncident,
    LinkIncident,
    MergeIncident,
    MitigateIncident,
    ReleaseIncident,
    ReopenIncident,
    ReportIncident,
    ResolveIncident,
    ResumeIncident,
    RetractNote,
    SetImpact,
    WaiveReview,
    WaiveTask,
)

router = APIRouter(prefix="/v1/incidents", tags=["Incidents"], route_class=PlainRoute)

begin(router, "", DeclareIncident)
begin(router, "/reports", ReportIncident)
accept(router, "/declare", DeclareIncident)
accept(router, "/dismiss", DismissIncident)
accept(router, "/acknowledge", AcknowledgeIncident)
accept(router, "/assign", AssignIncident)
accept(router, "/release", ReleaseIncident)
accept(router, "/severity", ChangeSeverity)
accept(router, "/hold", HoldIncident)
accept(router, "/resume", ResumeIncident)
accept(router, "/mitigate", MitigateIncident)
accept(router, "/escalate", EscalateIncident)
accept(router, "/resolve", ResolveIncident)
accept(router, "/waive-review", WaiveReview)
accept(router, "/close", CloseIncident)
accept(router, "/reopen", ReopenIncident)
accept(router, "/cancel", CancelIncident)
accept(router, "/merge", MergeIncident)
accept(router, "/describe", DescribeIncident)
accept(router, "/impact", SetImpact)
accept(router, "/links", LinkIncident)
accept(router, "/evidence", AttachEvidence)
accept(router, "/tasks", AddTask)
accept(router, "/tasks/{task}/complete", CompleteTask)
accept(router, "/tasks/{task}/waive", WaiveTask)
accept(router, "/notes", AddNote)
accept(router, "/notes/{note}/retract", RetractNote)
accept(router, "/amendments", AmendIncident)
