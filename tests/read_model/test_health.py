"""Unhealthy is only what does not move although something waits: the rest is busy or wanted."""

from __future__ import annotations

import pytest

from read_model.health import ProjectorHealth


def health(
    *,
    waiting_s: float | None = None,
    still_s: float = 0.0,
    is_led: bool = True,
    is_paused: bool = False,
    parked: int = 0,
) -> ProjectorHealth:
    return ProjectorHealth(waiting_s, still_s, is_led, is_paused, parked)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(health(), id="everything is shown"),
        pytest.param(health(still_s=3600.0), id="nothing has happened for an hour"),
        pytest.param(health(waiting_s=0.01, still_s=3600.0), id="the first event after it"),
        pytest.param(health(waiting_s=600.0, still_s=0.1), id="an import is being caught up with"),
        pytest.param(health(is_led=False, still_s=3600.0), id="nobody runs, and nothing waits"),
    ],
)
def test_whoever_keeps_up_or_catches_up_is_well(found: ProjectorHealth) -> None:
    assert found.complaint() is None


@pytest.mark.parametrize(("is_led", "told"), [(True, "does not move"), (False, "No projector")])
def test_who_does_not_move_while_events_wait_is_stuck(is_led: bool, told: str) -> None:
    complaint = health(waiting_s=11.0, still_s=11.0, is_led=is_led).complaint()
    assert complaint
    assert (complaint.is_stuck, told in complaint.reason) == (True, True)


def test_a_pause_was_wanted() -> None:
    complaint = health(waiting_s=600.0, still_s=600.0, is_paused=True).complaint()
    assert complaint
    assert (complaint.is_stuck, "paused" in complaint.reason) == (False, True)


def test_what_is_parked_is_counted() -> None:
    complaint = health(parked=2).complaint()
    assert complaint
    assert not complaint.is_stuck
    assert complaint.reason.startswith("2 records are parked")


@pytest.mark.parametrize("is_paused", [True, False])
def test_what_is_parked_is_counted_beside_what_else_is_wrong(is_paused: bool) -> None:
    complaint = health(waiting_s=11.0, still_s=11.0, is_paused=is_paused, parked=1).complaint()
    assert complaint
    assert complaint.is_stuck is not is_paused
    assert complaint.reason.startswith("The projector ")
    assert " 1 record is parked and shown as before;" in complaint.reason
