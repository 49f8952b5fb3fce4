"""Any history of an incident is shown as the independent fold of its stored JSON says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from projections.engine.projection import Row
from projections.incident.document import fold
from tests.acceptance import independent_fold
from tests.projections.story import JONAS, MARA, MONDAY, Story
from tests.projections.test_incident_document import DECLARED
from write_model.incident.events import (
    HoldReason,
    IncidentAcknowledged,
    IncidentAmended,
    IncidentAssigned,
    IncidentCancelled,
    IncidentClosed,
    IncidentDescribed,
    IncidentDismissed,
    IncidentMerged,
    IncidentMitigated,
    IncidentPutOnHold,
    IncidentReleased,
    IncidentReopened,
    IncidentReported,
    IncidentResolved,
    IncidentResumed,
    NoteAdded,
    NoteRetracted,
    Severity,
    SeverityChanged,
    Status,
)
from write_model.kernel.importing import ImportedFrom
from write_model.kernel.messages import Event, Recorded
from write_model.kernel.serialization import encode

ROW = ImportedFrom(row=4, step=2, team="V5 3rd", person=JONAS)
HAPPENINGS: Sequence[Event] = (
    IncidentReported(title="Oil", reporter=MARA, source="phone"),
    DECLARED,
    IncidentAcknowledged(),
    IncidentAcknowledged(imported=ROW, deviations=("four_eyes", "review")),
    IncidentAssigned(role="mechanic", person=MARA),
    IncidentAssigned(team="Yard", imported=ImportedFrom(row=5)),
    IncidentReleased(),
    IncidentReleased(team="Yard", imported=ROW),
    SeverityChanged(from_severity=Severity.SEV2, severity=Severity.SEV4, reason="It dries"),
    IncidentPutOnHold(reason=HoldReason.SCHEDULED),
    IncidentPutOnHold(reason=HoldReason.AWAITING_VENDOR),
    IncidentResumed(to_status=Status.MITIGATED),
    IncidentMitigated(),
    IncidentResolved(resolution="Sealed", cause_code="wear"),
    IncidentResolved(resolution="Sealed"),
    IncidentClosed(imported=ROW, deviations=("review",)),
    IncidentReopened(from_status=Status.CLOSED, reason="It drips"),
    IncidentCancelled(reason="A drill"),
    IncidentDismissed(reason="Water"),
    IncidentMerged(into=UUID(int=9)),
    IncidentDescribed(title="The lift"),
    IncidentDescribed(description="Under gate 4"),
    NoteAdded(note=UUID(int=1), text="Sand"),
    NoteAdded(note=UUID(int=2), text="Öl — an der RAMPE"),
    NoteRetracted(note=UUID(int=1)),
    IncidentAmended(field="source_status", value="Closed", reason="Late row"),
)


def as_stored(recorded: Recorded) -> dict[str, object]:
    return {
        "type": recorded.topic,
        "stream": recorded.stream,
        "version": recorded.version,
        "number": recorded.number,
        "actor": recorded.actor,
        "recorded_at": recorded.recorded_at,
        "occurred_at": recorded.occurred_at,
        "data": from_json(encode(recorded.event)),
    }


@given(
    begins=st.sampled_from(HAPPENINGS[:2]),
    goes_on=st.lists(st.tuples(st.sampled_from(HAPPENINGS[1:]), st.integers(-9_999, 9_999))),
)
def test_two_folds_of_the_same_events_agree(
    begins: Event, goes_on: list[tuple[Event, int]]
) -> None:
    story = Story()
    for event, minutes in [(begins, 0), *goes_on]:
        story.tell(
            "forklift", event, occurred=MONDAY + timedelta(minutes=minutes, microseconds=minutes)
        )
    row: Row | None = None
    for recorded in story.events:
        row = fold(row, recorded)
    assert row is not None
    [expected] = independent_fold.fold(map(as_stored, story.events)).values()
    assert independent_fold.compared(row) == expected
