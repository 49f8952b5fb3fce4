"""`python -m workers.projector`: projects until it is told to stop."""

from __future__ import annotations

from workers.projector.collector import spare_collector
from workers.projector.running import run
from workers.stopping import stop_asked
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
    stop = stop_asked()
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
