"""A real incident log, decided and folded in memory, must give the published counts.

The log is not ours to commit: it lies beside the checkout, and without it this test is skipped.
"""

from __future__ import annotations

import gzip
import html
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from workers.importing.cases import Case
from workers.importing.mapping import Command as Row
from workers.importing.mapping import commands
from workers.importing.report import Rejected
from workers.importing.xes import XesLog
from write_model.incident.commands import (
    AcknowledgeIncident,
    AddNote,
    AmendIncident,
    AssignIncident,
    CancelIncident,
    CloseIncident,
    DeclareIncident,
    HoldIncident,
    IncidentCommand,
    ReleaseIncident,
    ReopenIncident,
    ResolveIncident,
    ResumeIncident,
)
from write_model.incident.events import IncidentEvent, IncidentReopened
from write_model.incident.incident import Incident
from write_model.kernel.access import Actor, Role
from write_model.kernel.ids import derived_id, new_id
from write_model.kernel.importing import ImportedFrom
from write_model.kernel.messages import Moment

LOG = Path(__file__).parents[4] / "shared" / "data" / "bpic13_incidents.xes.gz"

pytestmark = [
    pytest.mark.skipif(not LOG.exists(), reason="the real log does not lie beside the checkout"),
    pytest.mark.slow,
]

IMPORTER = Actor(new_id(), new_id(), frozenset({Role.OWNER}), "import")
CLASSES: dict[str, type[IncidentCommand]] = {
    "declare": DeclareIncident,
    "acknowledge": AcknowledgeIncident,
    "assign": AssignIncident,
    "release": ReleaseIncident,
    "hold": HoldIncident,
    "resume": ResumeIncident,
    "resolve": ResolveIncident,
    "close": CloseIncident,
    "reopen": ReopenIncident,
    "cancel": CancelIncident,
    "note": AddNote,
    "amend": AmendIncident,
}


@dataclass
class Story:
    """All that the log came to."""

    commands: Counter[str] = field(default_factory=Counter[str])
    deviations: Counter[str] = field(default_factory=Counter[str])
    reopened_from: Counter[str] = field(default_factory=Counter[str])
    incidents: dict[str, Incident] = field(default_factory=dict[str, Incident])
    longest: int = 0

    def tell(self, case: Case) -> None:
        incident, stream, told = Incident(), new_id(), 0
        for row in commands(case, source="vinst"):
            assert not isinstance(row, Rejected)
            incident = self._carry_out(row, incident, stream)
            told += 1
        self.incidents[case.key] = incident
        self.longest = max(self.longest, told)

    def _carry_out(self, row: Row, incident: Incident, stream: UUID) -> Incident:
        moment = Moment(IMPORTER, row.at, row.at, stream, new_id)
        (event,) = as_command(row).outcome(incident, moment)
        self._count(row, event)
        return incident.after(event, by=IMPORTER.id, at=row.at)

    def _count(self, row: Row, event: IncidentEvent) -> None:
        self.commands[row.kind] += 1
        self.deviations.update(event.deviations or ())
        if isinstance(event, IncidentReopened):
            self.reopened_from[event.from_status] += 1


def as_command(row: Row) -> IncidentCommand:
    imported = ImportedFrom(row=row.row, step=row.step, team=row.team, person=person(row.person))
    fields = {**row.fields, "imported": imported, "occurred_at": row.at}
    return CLASSES[row.kind].model_validate(fields)


def person(name: str | None) -> UUID | None:
    return derived_id("person", name) if name else None


@pytest.fixture(scope="module")
def story() -> Story:
    story = Story()
    for case in XesLog(LOG, name="vinst").cases(lambda rejected: pytest.fail(str(rejected))):
        story.tell(case)
    return story


def test_every_command_of_the_log_is_accepted(story: Story) -> None:
    assert story.commands == {
        "acknowledge": 17_587,
        "release": 9_497,
        "resolve": 8_125,
        "declare": 7_554,
        "note": 7_343,
        "assign": 7_176,
        "hold": 6_657,
        "close": 5_704,
        "resume": 2_656,
        "reopen": 580,
        "amend": 13,
        "cancel": 1,
    }
    assert story.longest == 140


def test_the_log_ends_in_the_published_states(story: Story) -> None:
    assert Counter(incident.status.value for incident in story.incidents.values()) == {
        "closed": 5_574,
        "resolved": 1_971,
        "on_hold": 5,
        "in_progress": 3,
        "cancelled": 1,
    }


def test_the_log_has_the_published_severities(story: Story) -> None:
    assert Counter(str(incident.severity) for incident in story.incidents.values()) == {
        "sev1": 3,
        "sev2": 261,
        "sev3": 4_045,
        "sev4": 3_245,
    }


def test_the_log_reopens_as_often_as_published(story: Story) -> None:
    assert story.reopened_from == {"resolved": 450, "closed": 130}


def test_broken_rules_of_the_log_are_written_down(story: Story) -> None:
    assert story.deviations == {
        "review_required": 252,
        "sole_resolver": 1,
        "late_reopen": 69,
        "reopen_window": 2,
    }


def test_every_incident_is_with_the_team_and_person_of_its_last_row(story: Story) -> None:
    assert {key: (i.team, i.assignee) for key, i in story.incidents.items()} == {
        key: (team, person(name)) for key, team, name in last_rows()
    }


def last_rows() -> Iterator[tuple[str, str, str]]:
    """Case, team and person, read line by line and so not as the importer does."""
    fields: dict[str, str] = {}
    with gzip.open(LOG, "rt") as file:
        for line in file:
            if "<trace>" in line:
                fields = {"case": value_of(next(file))}
            elif attribute := re.search('key="(org:group|org:resource)"', line):
                fields[attribute[1]] = value_of(line)
            elif "</trace>" in line:
                yield fields["case"], fields["org:group"], fields["org:resource"]


def value_of(line: str) -> str:
    return html.unescape(line.split('value="')[1].split('"')[0])
