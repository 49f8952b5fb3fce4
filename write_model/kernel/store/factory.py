"""The library's plug-in point: `PERSISTENCE_MODULE=write_model.kernel.store.factory`."""

from __future__ import annotations

from typing import Any

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    InfrastructureFactoryError,
    ProcessRecorder,
    TrackingRecorder,
)
from eventsourcing.utils import Environment, EnvType
from psycopg import Connection
from psycopg_pool import ConnectionPool

from write_model.kernel.access import SYSTEM
from write_model.kernel.settings import Settings
from write_model.kernel.store.recorder import BackgroundLog, LogRecorder
from write_model.kernel.store.snapshots import SnapshotRecorder
from write_model.kernel.store.tracking import LogProcessRecorder, LogTrackingRecorder

_TENANT = f"-c app.tenant={SYSTEM} -c timezone=UTC"


class Factory(InfrastructureFactory[LogTrackingRecorder]):
    """Recorders over one database.

    `TALLYSTICK_WRITER_CONNINFO` logs in as the app role, `TALLYSTICK_READER_CONNINFO` as the
    tailer, which sees the whole log.
    """

    WRITER, READER = "TALLYSTICK_WRITER_CONNINFO", "TALLYSTICK_READER_CONNINFO"

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        writer, reader = self.env.get(self.WRITER), self.env.get(self.READER)
        if not writer or not reader:
            raise InfrastructureFactoryError(f"Set {self.WRITER} and {self.READER}.")
        self._log = BackgroundLog(writer, Settings())
        self._writers = _pool(writer)
        self._readers = _pool(reader)

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """Snapshots, or the streams of the log for any other purpose."""
        if purpose == "snapshots":
            return SnapshotRecorder(self._writers)
        return self.application_recorder()

    def application_recorder(self) -> ApplicationRecorder:
        return LogRecorder(self._log, self._readers)

    def tracking_recorder(
        self, tracking_recorder_class: type[TrackingRecorder] | None = None
    ) -> LogTrackingRecorder:
        return LogTrackingRecorder(self._writers)

    def process_recorder(self) -> ProcessRecorder:
        return LogProcessRecorder(self._log, self._readers, self._writers)

    def close(self) -> None:
        """Close every connection; whoever still waits is told."""
        self._writers.close()
        self._readers.close()
        self._log.close()
        super().close()


def _pool(conninfo: str) -> ConnectionPool[Connection[Any]]:
    return ConnectionPool(
        conninfo,
        min_size=1,
        max_size=12,
        kwargs={"autocommit": True, "options": _TENANT},
        open=True,
    )
