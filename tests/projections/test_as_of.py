"""Events in, the record as it stood out: by the fold that shows it, without a database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from projections.as_of import folded
from projections.engine.log import Unreadable
from projections.engine.projection import Row
from projections.incident.tables import INCIDENT
from tests.projections.story import Story
from tests.projections.test_incident_document import DECLARED
from write_model.incident.events import IncidentAcknowledged, IncidentResolved
from write_model.kernel.messages import Recorded


def told() -> list[Recorded]:
    story = Story()
    story.tell("forklift", DECLARED)
    story.tell("forklift", IncidentAcknowledged())
    story.tell("forklift", IncidentResolved(resolution="Sealed"))
    return story.events


def test_a_record_is_folded_up_to_its_last_event() -> None:
    events = told()
    stood = folded(INCIDENT, events[:2])
    assert stood is not None
    assert (stood.document["status"], stood.last) == ("in_progress", events[1])
    assert stood.row(INCIDENT)["version"] == 2


def test_without_an_event_there_is_no_record() -> None:
    assert folded(INCIDENT, []) is None


def test_it_is_told_up_to_the_first_event_that_cannot_be_read() -> None:
    declared, acknowledged, resolved = told()
    broken = acknowledged._replace(event=Unreadable("deviations: a list"))
    stood = folded(INCIDENT, [declared, broken, resolved])
    assert stood is not None
    assert stood.last == declared
    assert folded(INCIDENT, [declared._replace(event=broken.event), acknowledged]) is None


def test_it_is_told_up_to_the_first_event_that_the_fold_refuses() -> None:
    def refusing(row: Row | None, recorded: Recorded) -> Row:
        if recorded.version == 3:
            raise ZeroDivisionError
        return INCIDENT.fold(row, recorded)

    stood = folded(replace(INCIDENT, fold=refusing), told())
    assert stood is not None
    assert stood.last.version == 2


def test_a_memory_that_is_full_cuts_no_story_short() -> None:
    def fold(row: Row | None, recorded: Recorded) -> Row:
        raise MemoryError

    with pytest.raises(MemoryError):
        folded(replace(INCIDENT, fold=fold), told())
