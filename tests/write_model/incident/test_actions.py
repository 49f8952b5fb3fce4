"""A caller is told what may be done next, and what is told is then not refused for the role."""

from __future__ import annotations

from datetime import timedelta

from tests.write_model.given import COMMANDER, MONDAY, Given, fresh_ids, given, happened
from tests.write_model.incident.forklift import (
    CLOSED,
    DECLARED,
    GRAVELY_DECLARED,
    OTHER_COMMANDER,
    REPORTED,
    REPORTER,
    RESOLVED,
    RESPONDER,
    REVIEW_WAIVED,
    TASK_ADDED,
    VIEWER,
)
from write_model.incident.actions import allowed
from write_model.incident.incident import INCIDENT
from write_model.kernel.access import Actor
from write_model.kernel.ids import new_id
from write_model.kernel.messages import Moment


def actions(history: Given, actor: Actor, *, days_later: int = 0) -> set[str]:
    now = MONDAY + timedelta(days=days_later)
    moment = Moment(actor, now, now, new_id(), fresh_ids())
    return set(allowed(history.state(INCIDENT), moment))


def test_viewers_may_do_nothing() -> None:
    assert actions(given(DECLARED), VIEWER) == set()


def test_reporters_declare_what_waits_in_triage() -> None:
    assert actions(given(REPORTED), REPORTER) == {"declare"}


def test_responders_work_on_an_open_incident() -> None:
    assert actions(given(DECLARED), RESPONDER) == {
        *("acknowledge", "assign", "severity", "escalate", "describe", "impact"),
        *("links", "evidence", "tasks", "tasks/complete", "tasks/waive"),
        *("notes", "notes/retract"),
    }


def test_a_commander_may_also_end_it() -> None:
    more = actions(given(DECLARED), COMMANDER) - actions(given(DECLARED), RESPONDER)
    assert more == {"resolve", "cancel", "merge"}


def test_open_tasks_hide_resolving() -> None:
    assert "resolve" not in actions(given(DECLARED, TASK_ADDED), COMMANDER)


def test_a_grave_incident_is_closed_by_another() -> None:
    resolved = given(GRAVELY_DECLARED, happened(RESOLVED, by=COMMANDER), REVIEW_WAIVED)
    assert "close" not in actions(resolved, COMMANDER)
    assert "close" in actions(resolved, OTHER_COMMANDER)


def test_reopening_closes_slowly() -> None:
    closed = given(DECLARED, RESOLVED, CLOSED)
    assert "reopen" in actions(closed, RESPONDER)
    assert "reopen" not in actions(closed, RESPONDER, days_later=8)
    assert "reopen" in actions(closed, COMMANDER, days_later=8)
    assert "reopen" not in actions(closed, COMMANDER, days_later=31)
