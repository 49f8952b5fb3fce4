"""An incident begins once, however often its cause is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from tests.write_model.given import COMMANDER, fresh_id, given
from tests.write_model.incident.forklift import (
    DECLARED,
    DISMISSED,
    REPORTED,
    REPORTER,
    RESPONDER,
    VIEWER,
)
from write_model.incident.commands import DeclareIncident, DismissIncident, ReportIncident
from write_model.incident.events import Severity
from write_model.incident.incident import INCIDENT
from write_model.kernel.errors import Forbidden, IllegalTransition, NotFound, RecordLocked
from write_model.kernel.personal import Clear

REPORT = ReportIncident(title="Oil under a forklift")
DECLARE = DeclareIncident(title="Forklift leaks oil", severity=Severity.SEV3)
FROM_SENSOR = DECLARE.model_copy(update={"source": "sensor", "source_key": "leak-7"})
SENSED = replace(DECLARED, source="sensor", source_key="leak-7")
REPORT_FROM_SENSOR = REPORT.model_copy(update={"source": "sensor", "source_key": "leak-7"})
SENSE_REPORTED = replace(REPORTED, source="sensor", source_key="leak-7")


def test_a_report_waits_in_triage() -> None:
    given().when(REPORT, by=REPORTER).then(REPORTED)


def test_a_report_is_made_once() -> None:
    refusal = given(REPORTED).when(REPORT, by=REPORTER).then_refused(IllegalTransition, "never")
    assert refusal.allowed == ()


def test_a_declared_incident_starts_open() -> None:
    given().when(DECLARE, by=REPORTER).then(DECLARED)


def test_declaring_takes_a_report_out_of_triage_and_keeps_its_reporter() -> None:
    given(REPORTED).when(DECLARE, by=RESPONDER).then(DECLARED)


def test_an_incident_is_not_declared_twice() -> None:
    refusal = given(DECLARED).when(DECLARE).then_refused(IllegalTransition)
    assert refusal.allowed == ("triage",)


def test_the_same_cause_declares_only_once() -> None:
    given(SENSED).when(FROM_SENSOR).then_nothing()


def test_the_same_cause_reports_only_once() -> None:
    given(SENSE_REPORTED).when(REPORT_FROM_SENSOR).then_nothing()


def test_a_declaration_with_the_cause_of_a_report_declares_it() -> None:
    given(SENSE_REPORTED).when(FROM_SENSOR).then(SENSED)


def test_a_declared_report_keeps_its_cause() -> None:
    given(SENSE_REPORTED).when(DECLARE).then(SENSED)


def test_a_report_without_a_key_takes_source_and_key_of_its_declaration() -> None:
    given(REPORTED).when(FROM_SENSOR).then(SENSED)


@pytest.mark.parametrize("key", [None, "m-1"])
def test_a_report_with_a_key_keeps_its_source_too(key: str | None) -> None:
    mailed = DECLARE.model_copy(update={"source": "mail", "source_key": key})
    given(SENSE_REPORTED).when(mailed).then(SENSED)


def test_a_source_alone_does_not_replace_that_of_the_report() -> None:
    given(REPORTED).when(DECLARE.model_copy(update={"source": "mail"})).then(DECLARED)


def test_another_cause_does_not_pass_for_the_first() -> None:
    given(SENSED).when(DECLARE).then_refused(IllegalTransition)


def test_a_cause_is_a_source_with_its_key() -> None:
    assert FROM_SENSOR.cause() == ("sensor", "leak-7")
    assert DECLARE.cause() is None


def test_the_log_is_told_a_cause_unless_the_incident_began_with_it() -> None:
    reported, sensed = (given(one).state(INCIDENT) for one in (REPORTED, SENSE_REPORTED))
    assert FROM_SENSOR.new_cause(reported) == ("sensor", "leak-7")
    assert FROM_SENSOR.new_cause(sensed) is None


def test_an_injured_person_is_named_only_under_seal() -> None:
    command = DECLARE.model_copy(update={"injured": "Jo Byrne"})
    injured = Clear(fresh_id(1), "Jo Byrne")
    given().when(command, by=REPORTER).then(replace(DECLARED, injured=injured))


def test_a_viewer_declares_nothing() -> None:
    given().when(DECLARE, by=VIEWER).then_refused(Forbidden, "incident.report")


def test_triage_dismisses_what_is_no_incident() -> None:
    given(REPORTED).when(DismissIncident(reason="It was water"), by=RESPONDER).then(DISMISSED)


def test_reporters_do_not_dismiss() -> None:
    command = DismissIncident(reason="It was water")
    given(REPORTED).when(command, by=REPORTER).then_refused(Forbidden)


def test_a_dismissed_report_stays_dismissed() -> None:
    given(REPORTED, DISMISSED).when(DECLARE).then_refused(RecordLocked, "dismissed")


def test_what_was_never_declared_is_not_found() -> None:
    given().when(DismissIncident(reason="It was water"), by=COMMANDER).then_refused(NotFound)


@pytest.mark.parametrize("title", ["", "   ", "x" * 301, "oil\x00"])
def test_a_title_is_short_and_storable(title: str) -> None:
    with pytest.raises(ValidationError):
        DeclareIncident(title=title, severity=Severity.SEV3)


def test_a_title_is_trimmed() -> None:
    assert DeclareIncident(title="  Oil ", severity=Severity.SEV3).title == "Oil"
