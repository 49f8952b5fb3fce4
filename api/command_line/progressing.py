"""How far what takes long is, on a terminal."""

from __future__ import annotations

import sys
import time
from typing import Protocol

_REFRESH_S = 0.2


class Far(Protocol):
    """`done` of `total` in one phase of the work."""

    @property
    def phase(self) -> str: ...
    @property
    def done(self) -> int: ...
    @property
    def total(self) -> int: ...


class Shown:
    """A progress bar with its rate and the time left, where somebody looks."""

    def __init__(self, unit: str = "events") -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn(f"{{task.fields[rate]}} {unit}/s, left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
            auto_refresh=False,
        )
        self._task = self._bar.add_task("", rate=0)
        self._began = time.monotonic()

    def __enter__(self) -> Shown:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, progress: Far) -> None:
        elapsed_s = max(time.monotonic() - self._began, _REFRESH_S)
        self._bar.update(
            self._task,
            description=str(progress.phase),
            completed=progress.done,
            total=progress.total,
            rate=round(progress.done / elapsed_s),
            refresh=True,
        )
