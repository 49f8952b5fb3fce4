"""For developers: services start again when a source file was saved."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from watchfiles import PythonFilter, watch

from workers.launcher.modules import CHECKOUT

SOURCES = tuple(
    CHECKOUT / name for name in ("api", "projections", "read_model", "workers", "write_model")
)


def watch_sources(
    changed: Callable[[], None], *, until: threading.Event, folders: Iterable[Path] = SOURCES
) -> threading.Thread:
    """Call `changed` from a thread after every batch of saved files, until `until` is set."""

    def follow() -> None:
        for _ in watch(*folders, watch_filter=PythonFilter(), stop_event=until):
            changed()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    return thread
