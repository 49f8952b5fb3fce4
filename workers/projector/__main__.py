"""`python -m workers.projector`: projects until it is told to stop."""

from __future__ import annotations

import signal
import threading

from workers.projector.collector import spare_collector
from workers.projector.running import run
from write_model.kernel.ids import new_id
from write_model.kernel.logs import configure_logs
from write_model.kernel.privileges import drop_privileges
from write_model.kernel.settings import TAILER, Settings
from write_model.kernel.traced import tracing_if_wanted


def main() -> None:
    drop_privileges()
    settings = Settings()
    configure_logs(settings.log_level)
    spare_collector()
    stop = threading.Event()

    def on_signal(*_: object) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    tracing = tracing_if_wanted(settings, "projector")
    run(
        settings.conninfo(TAILER),
        holder=new_id(),
        stop=stop,
        on_shown=tracing.shown if tracing else None,
    )
    if tracing:
        tracing.close()


if __name__ == "__main__":
    main()
