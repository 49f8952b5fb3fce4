"""Responders take an incident, hand it over, wait and ease its effect."""

from __future__ import annotations

import pytest

from tests.write_model.given import COMMANDER, Given, given
from tests.write_model.incident.forklift import (
    ACKNOWLEDGED,
    ASSIGNED,
    DECLARED,
    MITIGATED,
    ON_HOLD,
    REPORTED,
    REPORTER,
    RESPONDER,
    ROAD_TO,
)
from write_model.incident.commands import (
    AcknowledgeIncident,
    AssignIncident,
    ChangeSeverity,
    EscalateIncident,
    HoldIncident,
    MitigateIncident,
    ReleaseIncident,
    ResumeIncident,
)
from write_model.incident.events import (
    HoldReason,
    IncidentAssigned,
    IncidentEscalated,
    IncidentPutOnHold,
    IncidentReleased,
    IncidentResumed,
    Severity,
    SeverityChanged,
    Status,
)
from write_model.incident.incident import INCIDENT
from write_model.kernel.errors import Forbidden, IllegalTransition, Invalid

RAISE = ChangeSeverity(to=Severity.SEV1, reason="It reached the drain")
LOWER = ChangeSeverity(to=Severity.SEV4, reason="A drop only")


def test_an_open_incident_is_acknowledged_once() -> None:
    given(DECLARED).when(AcknowledgeIncident(), by=RESPONDER).then(ACKNOWLEDGED)
    refusal = given(DECLARED, ACKNOWLEDGED).when(AcknowledgeIncident())
    assert refusal.then_refused(IllegalTransition, "in progress").allowed == ("open",)


def test_reporters_do_not_acknowledge() -> None:
    given(DECLARED).when(AcknowledgeIncident(), by=REPORTER).then_refused(Forbidden)


def test_a_responder_takes_an_incident() -> None:
    command = AssignIncident(person=RESPONDER.id)
    given(DECLARED).when(command, by=RESPONDER).then(IncidentAssigned(person=RESPONDER.id))


def test_a_responder_assigns_nobody_else() -> None:
    command = AssignIncident(person=COMMANDER.id)
    given(DECLARED).when(command, by=RESPONDER).then_refused(Forbidden, "incident.assign")


def test_a_commander_assigns_team_and_person() -> None:
    command = AssignIncident(team="Maintenance", person=RESPONDER.id)
    given(DECLARED).when(command).then(ASSIGNED)


def test_an_assignment_names_somebody() -> None:
    given(DECLARED).when(AssignIncident()).then_refused(Invalid)


def test_an_assignment_keeps_what_it_does_not_name() -> None:
    events = (DECLARED, ASSIGNED, IncidentAssigned(role="communications"))
    incident = given(*events).state(INCIDENT)
    assert (incident.team, incident.role) == ("Maintenance", "communications")
    assert incident.assignee == RESPONDER.id


def test_a_released_incident_is_open_again_and_nobodys() -> None:
    given(*ROAD_TO[Status.IN_PROGRESS]).when(ReleaseIncident(team="Vendor desk")).then(
        IncidentReleased(team="Vendor desk")
    )
    history = (DECLARED, ASSIGNED, ACKNOWLEDGED, IncidentReleased())
    incident = given(*history).state(INCIDENT)
    assert (incident.status, incident.team, incident.assignee) == ("open", "Maintenance", None)


def test_responders_raise_the_severity() -> None:
    given(DECLARED).when(RAISE, by=RESPONDER).then(
        SeverityChanged(
            from_severity=Severity.SEV3, severity=Severity.SEV1, reason="It reached the drain"
        )
    )


def test_only_commanders_lower_the_severity() -> None:
    given(DECLARED).when(LOWER, by=RESPONDER).then_refused(Forbidden, "incident.command")
    given(DECLARED).when(LOWER, by=COMMANDER).then(
        SeverityChanged(from_severity=Severity.SEV3, severity=Severity.SEV4, reason="A drop only")
    )


def test_the_same_severity_changes_nothing() -> None:
    command = ChangeSeverity(to=Severity.SEV3, reason="Still")
    given(DECLARED).when(command, by=RESPONDER).then_nothing()


@pytest.mark.parametrize("severity", Severity)
def test_responders_give_a_report_its_first_severity(severity: Severity) -> None:
    """It is no lowering, whichever it is."""
    command = ChangeSeverity(to=severity, reason="It drips on the ramp")
    assessed = SeverityChanged(severity=severity, reason="It drips on the ramp")
    given(REPORTED).when(command, by=RESPONDER).then(assessed)
    given(REPORTED, assessed).when(command, by=RESPONDER).then_nothing()


def test_a_severity_that_is_known_in_triage_is_lowered_by_commanders_only() -> None:
    assessed = SeverityChanged(severity=Severity.SEV3, reason="It drips on the ramp")
    given(REPORTED, assessed).when(LOWER, by=RESPONDER).then_refused(Forbidden, "incident.command")


def test_the_first_severity_restarts_no_clock() -> None:
    assessed = SeverityChanged(severity=Severity.SEV1, reason="It reached the drain")
    incident = given(REPORTED, assessed).state(INCIDENT)
    assert (incident.severity, incident.clock_generation) == (Severity.SEV1, 0)


def test_raising_the_severity_restarts_the_clocks_and_lowering_does_not() -> None:
    raised = SeverityChanged(from_severity=Severity.SEV3, severity=Severity.SEV1, reason="Worse")
    lowered = SeverityChanged(from_severity=Severity.SEV1, severity=Severity.SEV3, reason="Better")
    assert given(DECLARED).state(INCIDENT).clock_generation == 1
    assert given(DECLARED, raised).state(INCIDENT).clock_generation == 2
    assert given(DECLARED, raised, lowered).state(INCIDENT).clock_generation == 2
    assert given(DECLARED, raised, raised).state(INCIDENT).clock_generation == 2


def test_a_hold_says_what_it_waits_for() -> None:
    command = HoldIncident(reason=HoldReason.AWAITING_VENDOR)
    given(DECLARED, ACKNOWLEDGED).when(command, by=RESPONDER).then(ON_HOLD)


def test_a_second_hold_changes_the_reason_and_not_the_way_back() -> None:
    other = IncidentPutOnHold(reason=HoldReason.SCHEDULED)
    before: Given = given(DECLARED, ACKNOWLEDGED, MITIGATED, ON_HOLD)
    before.when(HoldIncident(reason=HoldReason.SCHEDULED)).then(other)
    after = given(DECLARED, ACKNOWLEDGED, MITIGATED, ON_HOLD, other)
    after.when(ResumeIncident()).then(IncidentResumed(to_status=Status.MITIGATED))


@pytest.mark.parametrize("status", [Status.IN_PROGRESS, Status.MITIGATED])
def test_work_goes_on_where_it_was_held(status: Status) -> None:
    resumed = IncidentResumed(to_status=status)
    given(*ROAD_TO[status], ON_HOLD).when(ResumeIncident(), by=RESPONDER).then(resumed)
    assert given(*ROAD_TO[status], ON_HOLD, resumed).state(INCIDENT).status is status


def test_the_effect_is_mitigated_before_the_cause_is_gone() -> None:
    given(DECLARED, ACKNOWLEDGED).when(MitigateIncident(), by=RESPONDER).then(MITIGATED)


def test_more_help_is_called_for_with_a_reason() -> None:
    command = EscalateIncident(reason="Nobody has the key to the drain")
    given(DECLARED).when(command, by=RESPONDER).then(IncidentEscalated(reason=command.reason))
