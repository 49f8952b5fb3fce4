"""`python -m workers.projector`: projects until it is told to stop."""

from __future__ import annotations

import signal
import threading

from workers.projector.running import run
from write_model.kernel.ids import new_id
from write_model.kernel.privileges import drop_privileges
from write_model.kernel.settings import TAILER, Settings


def main() -> None:
    drop_privileges()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(Settings().conninfo(TAILER), holder=new_id(), stop=stop)


if __name__ == "__main__":
    main()
