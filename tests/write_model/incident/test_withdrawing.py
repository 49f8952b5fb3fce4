"""Some incidents end without being resolved: cancelled, or carried on in another."""

from __future__ import annotations

import pytest

from tests.write_model.given import COMMANDER, STREAM, Given, given
from tests.write_model.incident.forklift import (
    CANCELLED,
    DECLARED,
    MERGED,
    RESPONDER,
    ROAD_TO,
    WINNER,
)
from write_model.incident.commands import CancelIncident, MergeIncident
from write_model.incident.events import Status
from write_model.incident.incident import INCIDENT
from write_model.kernel.errors import Forbidden, IllegalTransition, NotFound

MERGE = MergeIncident(into=WINNER)


def test_commanders_cancel_for_a_reason() -> None:
    command = CancelIncident(reason="The forklift was sold")
    given(DECLARED).when(command).then(CANCELLED)
    given(DECLARED).when(command, by=RESPONDER).then_refused(Forbidden)


def beside(status: Status) -> Given:
    """A declared incident, and a winner in this status."""
    return given(DECLARED).beside(WINNER, given(*ROAD_TO[status]).state(INCIDENT))


def test_an_incident_is_merged_into_another() -> None:
    beside(Status.OPEN).when(MERGE).then(MERGED)
    assert MERGE.involves(COMMANDER) == (WINNER,)


@pytest.mark.parametrize("status", [Status.MERGED, Status.CANCELLED, Status.DISMISSED])
def test_the_winner_of_a_merge_goes_on(status: Status) -> None:
    beside(status).when(MERGE).then_refused(IllegalTransition, status.value)


def test_nothing_is_merged_into_itself() -> None:
    given(DECLARED).when(MergeIncident(into=STREAM)).then_refused(IllegalTransition, "itself")


def test_the_winner_exists() -> None:
    given(DECLARED).when(MERGE).then_refused(NotFound)
    beside(Status.NONE).when(MERGE).then_refused(NotFound)
