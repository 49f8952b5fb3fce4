"""The event-sourcing library's own suites, run on our recorders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from unittest import TestCase
from uuid import UUID

import pytest
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    ProcessRecorder,
    TrackingRecorder,
)
from eventsourcing.tests import persistence as suites

from tests.embedded import Database
from write_model.kernel.settings import APP, TAILER
from write_model.kernel.store.factory import Factory


@pytest.fixture
def factory(database: Database) -> Iterator[Factory]:
    env = {Factory.WRITER: database.conninfo(APP), Factory.READER: database.conninfo(TAILER)}
    with closing(Factory(env)) as factory:
        yield factory


class OnOurLog(TestCase):
    """Gives a suite a fresh database."""

    factory: Factory

    @pytest.fixture(autouse=True)
    def _given(self, factory: Factory) -> None:
        self.factory = factory


class TestSnapshots(OnOurLog, suites.AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateRecorder:
        return self.factory.aggregate_recorder("snapshots")


class TestLog(OnOurLog, suites.ApplicationRecorderTestCase[ApplicationRecorder]):
    def create_recorder(self) -> ApplicationRecorder:
        return self.factory.application_recorder()

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestTracking(OnOurLog, suites.TrackingRecorderTestCase):
    def create_recorder(self) -> TrackingRecorder:
        return self.factory.tracking_recorder()


class TestProcess(OnOurLog, suites.ProcessRecorderTestCase):
    def create_recorder(self) -> ProcessRecorder:
        return self.factory.process_recorder()


class TestNonInterleaving(OnOurLog, suites.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> ApplicationRecorder:
        return self.factory.application_recorder()

    def new_originator_id(self) -> UUID | str:
        return super().new_originator_id()
