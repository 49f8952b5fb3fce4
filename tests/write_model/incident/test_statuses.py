"""From every status exactly the commands of the life cycle's table are legal."""

from __future__ import annotations

import pytest

from tests.write_model.given import given
from tests.write_model.incident.forklift import ROAD_TO, WINNER
from write_model.incident.commands import (
    COMMANDS,
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
    IncidentCommand,
    LinkIncident,
    MergeIncident,
    MitigateIncident,
    RecordSlaBreach,
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
from write_model.incident.events import HoldReason, Severity, Status
from write_model.incident.incident import FINAL, INCIDENT
from write_model.kernel.access import system_actor
from write_model.kernel.errors import IllegalTransition, NotFound, RecordLocked

PRODUCT = system_actor()
TABLE = """
    report        none
    declare       none triage
    dismiss       triage
    acknowledge   open
    assign        open in_progress mitigated
    release       in_progress on_hold mitigated
    severity      triage open in_progress on_hold mitigated
    hold          in_progress on_hold mitigated
    resume        on_hold
    mitigate      in_progress
    escalate      triage open in_progress on_hold mitigated
    resolve       open in_progress on_hold mitigated
    waive-review  resolved
    close         resolved
    reopen        resolved closed
    cancel        triage open in_progress on_hold mitigated
    merge         triage open in_progress on_hold mitigated
    describe      triage open in_progress on_hold mitigated
    impact        triage open in_progress on_hold mitigated
    links         triage open in_progress on_hold mitigated
    evidence      triage open in_progress on_hold mitigated
    tasks         triage open in_progress on_hold mitigated
    tasks/complete triage open in_progress on_hold mitigated
    tasks/waive   triage open in_progress on_hold mitigated
    notes         begun
    notes/retract begun
    amendments    closed dismissed cancelled merged
    sla-breach    open in_progress on_hold mitigated
"""
"""DOMAIN's table once more, by verb."""

BEGUN = {status.value for status in Status if status is not Status.NONE}
LEGAL = {
    verb: BEGUN if statuses == ["begun"] else set(statuses)
    for verb, *statuses in map(str.split, TABLE.strip().splitlines())
}

SAMPLES: tuple[IncidentCommand, ...] = (
    ReportIncident(title="Oil"),
    DeclareIncident(title="Oil", severity=Severity.SEV3),
    DismissIncident(reason="Water"),
    AcknowledgeIncident(),
    AssignIncident(team="Maintenance"),
    ReleaseIncident(),
    ChangeSeverity(to=Severity.SEV1, reason="Drain"),
    HoldIncident(reason=HoldReason.OTHER),
    ResumeIncident(),
    MitigateIncident(),
    EscalateIncident(reason="Drain"),
    ResolveIncident(resolution="Sealed"),
    WaiveReview(reason="Known"),
    CloseIncident(),
    ReopenIncident(reason="Again"),
    CancelIncident(reason="Sold"),
    MergeIncident(into=WINNER),
    DescribeIncident(title="Oil"),
    SetImpact(impact="Aisle 4"),
    LinkIncident(target="INC-7"),
    AttachEvidence(object_key="k", sha256="ab" * 32, size=1, media_type="image/png"),
    AddTask(title="Absorb"),
    CompleteTask(task=WINNER),
    WaiveTask(task=WINNER, reason="Dry"),
    AddNote(text="Dry"),
    RetractNote(note=WINNER),
    AmendIncident(field="title", value="Oil", reason="Typo"),
    RecordSlaBreach(timer="resolve", generation=1),
)


def test_the_table_names_every_command() -> None:
    assert [type(sample) for sample in SAMPLES] == list(COMMANDS)
    assert list(LEGAL) == [command.verb for command in COMMANDS]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.verb)
def test_a_command_is_legal_where_the_table_says(command: type[IncidentCommand]) -> None:
    assert {status.value for status in command.legal_from} == LEGAL[command.verb]
    assert list(command.legal_from) == sorted(command.legal_from, key=list(Status).index)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.verb)
def test_a_command_tells_its_reader_what_it_does(command: type[IncidentCommand]) -> None:
    assert command.__doc__


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.verb)
def test_elsewhere_it_is_refused_by_the_kind_of_status(
    sample: IncidentCommand, status: Status
) -> None:
    asked = given(*ROAD_TO[status]).when(sample, by=PRODUCT)
    if status in sample.legal_from or sample.changes_nothing(asked.state):
        return
    if status is Status.NONE:
        asked.then_refused(NotFound)
    elif status in FINAL:
        asked.then_refused(RecordLocked, status.value)
    else:
        allowed = asked.then_refused(IllegalTransition, sample.verb).allowed
        assert allowed == tuple(s for s in sample.legal_from if s is not Status.NONE)


@pytest.mark.parametrize("status", Status)
def test_the_story_leads_to_every_status(status: Status) -> None:
    assert given(*ROAD_TO[status]).state(INCIDENT).status is status
