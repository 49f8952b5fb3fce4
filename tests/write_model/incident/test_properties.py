"""Whatever is asked, in whatever order, an incident only ever stands where it may."""

from __future__ import annotations

from datetime import timedelta
from itertools import count, pairwise
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.write_model.given import MONDAY, STREAM, fresh_id
from tests.write_model.incident.forklift import IMPORTER, ROAD_TO, WINNER
from tests.write_model.incident.strategies import actors, commands, events, rows, tellable
from write_model.incident.actions import allowed
from write_model.incident.commands import IncidentCommand
from write_model.incident.events import AnyIncidentEvent, Status
from write_model.incident.incident import FINAL, Incident
from write_model.kernel.access import Actor
from write_model.kernel.errors import IllegalTransition, NotFound, RecordLocked, Refused
from write_model.kernel.importing import ImportedFrom
from write_model.kernel.messages import Event, Moment
from write_model.kernel.policies import Policies
from write_model.kernel.serialization import decode, encode

NEXT: dict[Status, str] = {
    Status.NONE: "triage open",
    Status.TRIAGE: "open dismissed cancelled merged",
    Status.OPEN: "in_progress resolved cancelled merged",
    Status.IN_PROGRESS: "open on_hold mitigated resolved cancelled merged",
    Status.ON_HOLD: "open in_progress mitigated resolved cancelled merged",
    Status.MITIGATED: "open on_hold resolved cancelled merged",
    Status.RESOLVED: "open closed",
    Status.CLOSED: "open",
    Status.DISMISSED: "",
    Status.CANCELLED: "",
    Status.MERGED: "",
}
"""The life cycle as DOMAIN draws it."""


class AnyLife(RuleBasedStateMachine):
    """One incident, asked anything by anybody; what it accepts, it becomes."""

    def __init__(self) -> None:
        super().__init__()
        self.past = [Incident()]
        self.log: list[tuple[AnyIncidentEvent, Actor]] = []
        self.now = MONDAY
        self.numbers = count(1)

    @property
    def incident(self) -> Incident:
        return self.past[-1]

    @rule(days=st.integers(0, 12))
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(command=commands, actor=actors)
    def somebody_asks(self, command: IncidentCommand, actor: Actor) -> None:
        self._ask(command, actor)

    @rule(command=commands, row=rows)
    def an_import_tells(self, command: IncidentCommand, row: ImportedFrom) -> None:
        self._ask(command.model_copy(update={"imported": row}), IMPORTER)

    def _ask(self, command: IncidentCommand, actor: Actor) -> None:
        moment = self._moment(actor)
        offered = command.verb in allowed(self.incident, moment)
        happened = outcome_or_refusal(command, self.incident, moment)
        if isinstance(happened, Refused):
            assert not (offered and is_about_the_status(happened))
            return
        for event in happened:
            self._take(event, actor)

    def _take(self, event: AnyIncidentEvent, actor: Actor) -> None:
        stored = decode(event.topic, event.schema_version, encode(event))
        assert stored == event
        self.log.append((event, actor))
        self.past.append(self.incident.after(event, by=actor.id, at=self.now))

    def _moment(self, actor: Actor) -> Moment:
        others = {WINNER: Incident(Status.OPEN)}
        return Moment(actor, self.now, self.now, STREAM, self._fresh_id, Policies(), others)

    def _fresh_id(self) -> UUID:
        return fresh_id(next(self.numbers))

    @invariant()
    def it_only_goes_where_the_life_cycle_leads(self) -> None:
        for before, after in pairwise(self.past[-3:]):
            assert after.status is before.status or after.status in NEXT[before.status].split()

    @invariant()
    def what_has_ended_has_an_end(self) -> None:
        if self.incident.status in (Status.RESOLVED, Status.CLOSED):
            assert self.incident.resolvers
            assert self.incident.ended_at >= MONDAY

    @invariant()
    def clocks_only_ever_restart(self) -> None:
        for before, after in pairwise(self.past[-3:]):
            assert after.clock_generation - before.clock_generation in (0, 1)

    @invariant()
    def rows_are_taken_in_their_order(self) -> None:
        rows = [event.imported for event, _ in self.log if event.imported is not None]
        assert all(later.is_after(earlier) for earlier, later in pairwise(rows))

    @invariant()
    def tasks_are_open_or_settled(self) -> None:
        assert not self.incident.open_tasks & self.incident.settled_tasks


def outcome_or_refusal(
    command: IncidentCommand, incident: Incident, moment: Moment
) -> tuple[AnyIncidentEvent, ...] | Refused:
    try:
        return command.outcome(incident, moment)
    except Refused as refusal:
        return refusal


def is_about_the_status(refusal: Refused) -> bool:
    """What is named by id is looked up, and the offer does not know which will be named."""
    named = any(word in str(refusal) for word in ("task", "note", "merge"))
    return isinstance(refusal, IllegalTransition | RecordLocked | NotFound) and not named


AnyLife.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestAnyLife = AnyLife.TestCase


@given(st.lists(events, max_size=30))
def test_the_fold_takes_whatever_the_log_holds(history: list[AnyIncidentEvent]) -> None:
    incident = Incident()
    for event in history:
        incident = incident.after(event, by=IMPORTER.id, at=MONDAY)
    assert isinstance(incident, Incident)


@given(events)
def test_an_event_is_read_as_it_was_written(event: Event) -> None:
    assert decode(event.topic, event.schema_version, encode(event)) == event


@given(st.sampled_from(sorted(FINAL)), commands, actors)
def test_nothing_leads_out_of_a_final_status(
    status: Status, command: IncidentCommand, actor: Actor
) -> None:
    incident = Incident()
    for event in ROAD_TO[status]:
        incident = incident.after(event, by=IMPORTER.id, at=MONDAY)
    moment = Moment(actor, MONDAY, MONDAY, STREAM, lambda: WINNER)
    happened = outcome_or_refusal(command, incident, moment)
    for event in () if isinstance(happened, Refused) else happened:
        assert incident.after(event, by=actor.id, at=MONDAY).status is status


@given(tellable, rows)
def test_a_row_that_was_imported_is_not_imported_again(
    command: IncidentCommand, row: ImportedFrom
) -> None:
    told = command.model_copy(update={"imported": row})
    moment = Moment(IMPORTER, MONDAY, MONDAY, STREAM, lambda: WINNER)
    assert told.outcome(Incident(Status.OPEN, imported_through=row), moment) == ()
