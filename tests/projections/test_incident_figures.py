"""What is measured of an incident, in its narrow row."""

from __future__ import annotations

from datetime import timedelta

from projections.engine.projection import Row
from projections.incident.document import fold
from projections.incident.figures import INCIDENT_FIGURES
from tests.projections.story import MONDAY, Story
from tests.projections.test_incident_document import DECLARED
from write_model.incident.events import (
    HoldReason,
    IncidentAcknowledged,
    IncidentPutOnHold,
    IncidentResolved,
)
from write_model.kernel.messages import Event


def measured(*events: Event) -> dict[str, object]:
    """An hour lies between any two."""
    story, row = Story(), None
    for hours, event in enumerate(events):
        row = fold(row, story.tell("forklift", event, occurred=MONDAY + timedelta(hours=hours)))
    found: Row = row or {}
    values = INCIDENT_FIGURES.values(found, story.events[-1])
    return dict(zip(INCIDENT_FIGURES.table.names(), values, strict=True))


HOUR_US = 3_600_000_000


def test_spans_are_measured_from_the_opening() -> None:
    row = measured(DECLARED, IncidentAcknowledged(), IncidentResolved(resolution="Sealed"))
    assert (row["acknowledge_us"], row["resolve_us"]) == (HOUR_US, 2 * HOUR_US)
    assert (row["opened_at"], row["is_open"]) == (MONDAY, False)


def test_what_was_held_and_what_is_held_stand_apart() -> None:
    vendor = IncidentPutOnHold(reason=HoldReason.AWAITING_VENDOR)
    row = measured(DECLARED, vendor, IncidentPutOnHold(reason=HoldReason.OTHER))
    assert (row["held_awaiting_vendor_us"], row["held_other_us"]) == (HOUR_US, None)
    assert (row["hold_reason"], row["held_since"]) == ("other", MONDAY + timedelta(hours=2))
    assert row["is_open"]
