"""Which processes the launcher has started, on disk, so that a later one can end what was left."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, Signals

from workers.embedded.account import Account
from workers.embedded.spawning import started_at

_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One process: the start time tells it from a later one of the same number."""

    pid: int
    started_at: str
    stop_signal: int

    @property
    def alive(self) -> bool:
        return bool(self.started_at) and started_at(self.pid) == self.started_at


@dataclass(slots=True)
class Ledger:
    """The file is written anew at every change, as far as the disk has room."""

    path: Path
    account: Account
    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])

    def note(self, name: str, pid: int, *, stop_signal: Signals) -> None:
        self.entries[name] = Entry(pid, started_at(pid), stop_signal)
        self._write()

    def forget(self, names: Iterable[str]) -> None:
        for name in names:
            self.entries.pop(name, None)
        self._write()

    def _write(self) -> None:
        rows = {
            name: [entry.pid, entry.started_at, int(entry.stop_signal)]
            for name, entry in self.entries.items()
        }
        unfinished = self.path.with_suffix(".unfinished")
        # A full disk is no reason to let go of what runs: the file is written at the next change.
        with suppress(OSError), self.account.acting():
            unfinished.write_text(json.dumps(rows))
            unfinished.replace(self.path)

    def end_orphans(self, *, last: Sequence[str], say: Callable[[str], None]) -> None:
        """Stop what a killed launcher left running, those named `last` after the others."""
        orphans = self._orphans()
        for name in sorted(orphans, key=lambda name: name in last):
            say(f"Stopping {name}, left over from a launcher that was killed.")
            # It may end by itself before it is told to.
            with suppress(ProcessLookupError):
                _end(orphans[name])

    def _orphans(self) -> dict[str, Entry]:
        try:
            with self.account.acting():
                rows = json.loads(self.path.read_text())
            entries = {name: Entry(*row) for name, row in rows.items()}
        except (FileNotFoundError, ValueError, TypeError, AttributeError):
            return {}
        return {name: entry for name, entry in entries.items() if self._ours(entry)}

    def _ours(self, entry: Entry) -> bool:
        # The account could have written anything here, and root would end it: only its own.
        with suppress(FileNotFoundError):
            return entry.alive and Path(f"/proc/{entry.pid}").stat().st_uid == self.account.uid
        return False


def _end(entry: Entry) -> None:
    os.kill(entry.pid, entry.stop_signal)
    deadline = time.monotonic() + _PATIENCE_S
    while entry.alive:
        if time.monotonic() > deadline:
            os.kill(entry.pid, SIGKILL)
        # Another's child sends no signal when it ends, so there is nothing to wait on.
        time.sleep(0.02)
