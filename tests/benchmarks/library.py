"""The library as it comes: its default recorder, application and projection runner."""

from __future__ import annotations

import time
from itertools import cycle
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import (
    InfrastructureFactory,
    StoredEvent,
    Tracking,
    TrackingRecorder,
)
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.utils import Environment
from psycopg.sql import SQL, Composed

from tests.benchmarks.forklift import DECLARED
from tests.benchmarks.histories import NOTE
from tests.benchmarks.measuring import Measured, by_threads
from write_model.kernel.ids import new_id

_WARMING = 20
_SAVED_AT_ONCE = 40

_MAKE_VIEW = Composed(
    [
        SQL(
            "CREATE TABLE IF NOT EXISTS incident_view (id uuid PRIMARY KEY, title text,"
            " severity text, team text, notes integer, version bigint)"
        )
    ]
)
_INSERT: LiteralString = (
    "INSERT INTO incident_view (id, title, severity, team, notes, version)"
    " VALUES (%s, %s, %s, %s, 0, %s)"
)
_NOTE: LiteralString = "UPDATE incident_view SET notes = notes + 1, version = %s WHERE id = %s"


def inserting(
    environment: dict[str, str], states: list[bytes], *, callers: int, lasting_s: float
) -> Measured:
    """The default Postgres application recorder, a thread for each caller."""
    factory = InfrastructureFactory[TrackingRecorder].construct(Environment("Log", environment))
    recorder = factory.application_recorder()
    supply = cycle(states)

    def insert(_caller: int) -> None:
        recorder.insert_events([StoredEvent(new_id(), 1, DECLARED, next(supply))])

    try:
        for caller in range(_WARMING):
            insert(caller)
        return by_threads(insert, callers=callers, lasting_s=lasting_s)
    finally:
        factory.close()


class Incident(Aggregate):
    """The same incident in the library's own idiom."""

    @event("Declared")
    def __init__(self, title: str, severity: str, team: str, reporter: str) -> None:
        self.title, self.severity, self.team, self.reporter = title, severity, team, reporter
        self.notes: dict[str, str] = {}

    @event("NoteAdded")
    def add_note(self, note: str, text: str) -> None:
        self.notes[note] = text


class Incidents(Application[UUID]):
    """The door to them."""

    def add_note(self, incident: UUID, text: str) -> None:
        found: Incident = self.repository.get(incident)
        found.add_note(str(new_id()), text)
        self.save(found)

    def write_histories(self, *, streams: int, events: int) -> list[UUID]:
        """Incidents of so many events each."""
        written: list[UUID] = []
        for _ in range(0, streams, _SAVED_AT_ONCE):
            some = [_history(events) for _ in range(_SAVED_AT_ONCE)]
            self.save(*some)
            written += [incident.id for incident in some]
        return written


def _history(events: int) -> Incident:
    incident = Incident("The forklift leaks oil", "sev2", "warehouse", str(new_id()))
    for _ in range(events - 1):
        incident.add_note(str(new_id()), NOTE)
    return incident


def noting(
    environment: dict[str, str],
    *,
    streams: int,
    events: int,
    callers: int,
    cached: bool,
    lasting_s: float,
) -> Measured:
    """A note on a history; `cached`: with the library's cache, which fast-forwards by default."""
    cache = {Application.AGGREGATE_CACHE_MAXSIZE: "20000"} if cached else {}
    application = Incidents(env=environment | cache)
    try:
        written = application.write_histories(streams=streams, events=events)
        own = [cycle(written[caller::callers]) for caller in range(callers)]
        for incident in written if cached else ():
            application.repository.get(incident)
        return by_threads(
            lambda caller: application.add_note(next(own[caller]), NOTE),
            callers=callers,
            lasting_s=lasting_s,
        )
    finally:
        application.close()


class IncidentView(PostgresTrackingRecorder):
    """One row per incident, upserted in the transaction that moves the tracking."""

    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        self.sql_create_statements.append(_MAKE_VIEW)

    def declared(self, incident: UUID, event: Any, tracking: Tracking) -> None:
        values = incident, event.title, event.severity, event.team, event.originator_version
        self._write(_INSERT, values, tracking)

    def noted(self, incident: UUID, event: Any, tracking: Tracking) -> None:
        self._write(_NOTE, (event.originator_version, incident), tracking)

    def _write(self, query: LiteralString, values: tuple[Any, ...], tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(query, values, prepare=True)


class IncidentProjection(Projection[IncidentView]):
    """What the runner calls for every event."""

    name = "incident"

    def __init__(self, view: IncidentView) -> None:
        super().__init__(view)
        self.processed = 0

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        incident = domain_event.originator_id
        if type(domain_event).__name__ == "Declared":
            self.view.declared(incident, domain_event, tracking)
        else:
            self.view.noted(incident, domain_event, tracking)
        self.processed += 1


def write_log(environment: dict[str, str], *, streams: int, events: int) -> None:
    """Before the first turn of the runner."""
    application = Incidents(env=environment)
    try:
        application.write_histories(streams=streams, events=events)
    finally:
        application.close()


def projecting(environment: dict[str, str], conninfo: str, *, lasting_s: float) -> Measured:
    """The library's runner on its own log, from the beginning into an empty view."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS incident_view, incident_tracking")
    runner = ProjectionRunner(
        application_class=Incidents,
        projection_class=IncidentProjection,
        view_class=IncidentView,
        env=environment,
    )
    with runner:
        projection = runner.projection
        assert isinstance(projection, IncidentProjection)
        while projection.processed < _WARMING:
            runner.run_forever(timeout=0.001)
        before, began = projection.processed, time.perf_counter()
        runner.run_forever(timeout=lasting_s)
        return Measured(projection.processed - before, time.perf_counter() - began)
