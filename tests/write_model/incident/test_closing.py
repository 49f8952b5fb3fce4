"""Incidents end by rule: tasks settled, reviewed, seen by another pair of eyes; some come back."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from tests.write_model.given import COMMANDER, MONDAY, actor, given, happened
from tests.write_model.incident.forklift import (
    ASSIGNED,
    CLOSED,
    DECLARED,
    GRAVELY_DECLARED,
    OTHER_COMMANDER,
    RESOLVED,
    RESPONDER,
    REVIEW_WAIVED,
    ROAD_TO,
    TASK,
    TASK_ADDED,
)
from write_model.incident.commands import (
    CloseIncident,
    ReopenIncident,
    ResolveIncident,
    WaiveReview,
)
from write_model.incident.events import IncidentReopened, Status, TaskCompleted, TaskWaived
from write_model.incident.incident import INCIDENT
from write_model.kernel.access import system_actor
from write_model.kernel.errors import (
    Forbidden,
    IllegalTransition,
    SegregationOfDuties,
)

RESOLVE = ResolveIncident(resolution="Seal replaced", cause_code="wear")
CLOSE = CloseIncident()
REOPEN = ReopenIncident(reason="It leaks again")
GRAVELY_RESOLVED = (GRAVELY_DECLARED, happened(RESOLVED, by=OTHER_COMMANDER))


def test_a_commander_resolves() -> None:
    given(DECLARED).when(RESOLVE).then(RESOLVED)


def test_the_assignee_resolves() -> None:
    given(DECLARED, ASSIGNED).when(RESOLVE, by=RESPONDER).then(RESOLVED)


def test_other_responders_do_not_resolve() -> None:
    given(DECLARED).when(RESOLVE, by=RESPONDER).then_refused(Forbidden, r"incident\.command")


def test_a_resolved_incident_is_not_resolved_twice() -> None:
    given(DECLARED, RESOLVED).when(RESOLVE).then_refused(IllegalTransition)


def test_open_tasks_stand_in_the_way() -> None:
    given(DECLARED, TASK_ADDED).when(RESOLVE).then_refused(IllegalTransition, "tasks")


@pytest.mark.parametrize("settled", [TaskCompleted(task=TASK), TaskWaived(task=TASK, reason="Dry")])
def test_settled_tasks_do_not(settled: TaskCompleted | TaskWaived) -> None:
    given(DECLARED, TASK_ADDED, settled).when(RESOLVE).then(RESOLVED)


def test_the_resolver_of_a_small_incident_closes_it_too() -> None:
    given(DECLARED, RESOLVED).when(CLOSE).then(CLOSED)


def test_responders_do_not_close() -> None:
    given(DECLARED, RESOLVED).when(CLOSE, by=RESPONDER).then_refused(Forbidden)


def test_a_grave_incident_is_reviewed_before_it_is_closed() -> None:
    given(*GRAVELY_RESOLVED).when(CLOSE).then_refused(IllegalTransition, "review")
    given(*GRAVELY_RESOLVED).when(WaiveReview(reason=REVIEW_WAIVED.reason)).then(REVIEW_WAIVED)
    given(*GRAVELY_RESOLVED, REVIEW_WAIVED).when(CLOSE).then(CLOSED)


def test_a_waived_review_counts_only_until_it_is_reopened() -> None:
    reopened = IncidentReopened(from_status=Status.RESOLVED, reason="Again")
    again = happened(RESOLVED, by=OTHER_COMMANDER)
    history = given(*GRAVELY_RESOLVED, REVIEW_WAIVED, reopened, again)
    history.when(CLOSE).then_refused(IllegalTransition, "review")


def test_who_alone_resolved_a_grave_incident_does_not_close_it() -> None:
    resolved = given(GRAVELY_DECLARED, RESOLVED, REVIEW_WAIVED)
    resolved.when(CLOSE, by=COMMANDER).then_refused(SegregationOfDuties)
    resolved.when(CLOSE, by=OTHER_COMMANDER).then(CLOSED)


def test_who_resolved_it_before_it_was_reopened_is_no_second_pair_of_eyes() -> None:
    reopened = IncidentReopened(from_status=Status.RESOLVED, reason="Again")
    history = given(*GRAVELY_RESOLVED, reopened, RESOLVED, REVIEW_WAIVED)
    history.when(CLOSE, by=COMMANDER).then_refused(SegregationOfDuties)


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.CLOSED])
def test_responders_reopen_soon(status: Status) -> None:
    reopened = IncidentReopened(from_status=status, reason="It leaks again")
    soon = MONDAY + timedelta(days=7)
    given(*ROAD_TO[status]).when(REOPEN, by=RESPONDER, at=soon).then(reopened)
    incident = given(*ROAD_TO[status], reopened).state(INCIDENT)
    assert (incident.status, incident.clock_generation) == (Status.OPEN, 2)


def test_later_only_commanders_reopen() -> None:
    late = MONDAY + timedelta(days=7, seconds=1)
    closed = given(*ROAD_TO[Status.CLOSED])
    closed.when(REOPEN, by=RESPONDER, at=late).then_refused(Forbidden, "commander")
    reopened = IncidentReopened(from_status=Status.CLOSED, reason="It leaks again")
    closed.when(REOPEN, by=COMMANDER, at=late).then(reopened)


def test_after_the_window_nobody_reopens() -> None:
    too_late = MONDAY + timedelta(days=30, seconds=1)
    closed = given(*ROAD_TO[Status.CLOSED])
    closed.when(REOPEN, at=too_late).then_refused(IllegalTransition, "declare a new incident")


def test_the_window_counts_from_the_last_end() -> None:
    closed_later = happened(CLOSED, at=MONDAY + timedelta(days=20))
    reopened = IncidentReopened(from_status=Status.CLOSED, reason="It leaks again")
    at = MONDAY + timedelta(days=40)
    given(DECLARED, RESOLVED, closed_later).when(REOPEN, at=at).then(reopened)


def test_an_earlier_business_time_does_not_stretch_the_window() -> None:
    late = MONDAY + timedelta(days=31)
    closed = given(*ROAD_TO[Status.CLOSED])
    closed.when(REOPEN, at=late, said_at=MONDAY).then_refused(IllegalTransition)


def test_only_merging_involves_others_and_only_beginnings_have_a_cause() -> None:
    assert CLOSE.involves(COMMANDER) == ()
    assert CLOSE.cause() is None


def test_the_product_itself_needs_no_role() -> None:
    given(DECLARED).when(RESOLVE, by=system_actor(UUID(int=0x7E))).then(RESOLVED)


def test_an_actor_without_roles_does_nothing() -> None:
    given(DECLARED).when(RESOLVE, by=actor(0xE0)).then_refused(Forbidden)
