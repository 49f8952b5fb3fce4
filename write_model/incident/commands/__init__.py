"""What may be asked of an incident, by subject; `COMMANDS` is all of it."""

from write_model.incident.commands.closing import (
    CloseIncident,
    ReopenIncident,
    ResolveIncident,
    WaiveReview,
)
from write_model.incident.commands.command import IncidentCommand
from write_model.incident.commands.declaring import (
    DeclareIncident,
    DismissIncident,
    ReportIncident,
)
from write_model.incident.commands.notes import AddNote, AmendIncident, RetractNote
from write_model.incident.commands.recording import (
    AttachEvidence,
    DescribeIncident,
    LinkIncident,
    RecordSlaBreach,
    SetImpact,
)
from write_model.incident.commands.responding import (
    AcknowledgeIncident,
    AssignIncident,
    ChangeSeverity,
    EscalateIncident,
    HoldIncident,
    MitigateIncident,
    ReleaseIncident,
    ResumeIncident,
)
from write_model.incident.commands.tasks import AddTask, CompleteTask, WaiveTask
from write_model.incident.commands.withdrawing import CancelIncident, MergeIncident

COMMANDS: tuple[type[IncidentCommand], ...] = (
    ReportIncident,
    DeclareIncident,
    DismissIncident,
    AcknowledgeIncident,
    AssignIncident,
    ReleaseIncident,
    ChangeSeverity,
    HoldIncident,
    ResumeIncident,
    MitigateIncident,
    EscalateIncident,
    ResolveIncident,
    WaiveReview,
    CloseIncident,
    ReopenIncident,
    CancelIncident,
    MergeIncident,
    DescribeIncident,
    SetImpact,
    LinkIncident,
    AttachEvidence,
    AddTask,
    CompleteTask,
    WaiveTask,
    AddNote,
    RetractNote,
    AmendIncident,
    RecordSlaBreach,
)
"""In the order of an incident's life."""

__all__ = [
    "COMMANDS",
    "AcknowledgeIncident",
    "AddNote",
    "AddTask",
    "AmendIncident",
    "AssignIncident",
    "AttachEvidence",
    "CancelIncident",
    "ChangeSeverity",
    "CloseIncident",
    "CompleteTask",
    "DeclareIncident",
    "DescribeIncident",
    "DismissIncident",
    "EscalateIncident",
    "HoldIncident",
    "IncidentCommand",
    "LinkIncident",
    "MergeIncident",
    "MitigateIncident",
    "RecordSlaBreach",
    "ReleaseIncident",
    "ReopenIncident",
    "ReportIncident",
    "ResolveIncident",
    "ResumeIncident",
    "RetractNote",
    "SetImpact",
    "WaiveReview",
    "WaiveTask",
]
