"""`python -m workers.housekeeping`: tidies up every hour, rebuilds what was asked for, and has dear
answers ready, until it is told to stop.
"""

from __future__ import annotations

import contextlib
import threading
from datetime import timedelta

import psycopg
import structlog

from projections.engine.alone import AlreadyRebuilding
from projections.engine.rebuilding import drop_left
from workers import warming
from workers.connecting import Connection, connected
from workers.housekeeping.forgetting import forget
from workers.projector.collector import spare_collector
from workers.rebuilding import asked
from workers.stopping import stop_asked
from write_model.kernel.logs import configure_logs
from write_model.kernel.privileges import drop_privileges
from write_model.kernel.settings import TAILER, Settings

_EVERY_S = 3600.0
_RETRY_S = 10.0
_STATEMENT_TIMEOUT_S = 600
"""Enough to forget millions at once, as after a month of standing still."""

_log = structlog.get_logger("housekeeping")


def run(conninfo: str, *, accesses_after: timedelta, stop: threading.Event) -> None:
    """Forget, drop what was left, wait, begin again; a silent database is asked again soon."""
    while not stop.is_set():
        stop.wait(_EVERY_S if _tidied(conninfo, accesses_after) else _RETRY_S)


def _drop_left(connection: Connection) -> list[str]:
    """A rebuild that ran by itself is followed by none that would drop the tables it left."""
    with contextlib.suppress(AlreadyRebuilding):
        return drop_left(connection)
    return []


def _tidied(conninfo: str, accesses_after: timedelta) -> bool:
    try:
        with connected(conninfo, statement_timeout_s=_STATEMENT_TIMEOUT_S) as connection:
            forgotten = forget(connection, accesses_after=accesses_after)
            _log.info("housekeeping.done", forgotten=forgotten, dropped=_drop_left(connection))
    except psycopg.Error as error:
        _log.warning("housekeeping.failed", reason=type(error).__name__)
        return False
    return True


def main() -> None:
    drop_privileges()
    settings = Settings()
    configure_logs(settings.log_level)
    spare_collector()
    stop, conninfo = stop_asked(), settings.conninfo(TAILER)
    threading.Thread(target=warming.run, args=(settings, stop), name="warming").start()
    threading.Thread(target=asked.run, args=(conninfo,), kwargs={"stop": stop}).start()
    try:
        accesses_after = timedelta(days=settings.access_log_days)
        run(conninfo, accesses_after=accesses_after, stop=stop)
    finally:
        # The interpreter waits for the others, which would go on without this one for ever.
        stop.set()


if __name__ == "__main__":
    main()
