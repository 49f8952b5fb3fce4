"""Keeps Python's folders importable for a process that gives root up.

Python or the checkout may lie under a folder that only root may enter, such as root's own. Much
is imported on first use, long after a service has become somebody else. A folder that was opened
before stays open to the process, and Linux shows it as `/proc/self/fd/<n>`, without a look at the
folders above.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from workers.embedded.account import Account


def keep_within_reach(account: Account) -> None:
    """Import from now on through open folders, where `account` could not go."""
    held = {entry: _hold(entry) for entry in _out_of_reach(account)}
    sys.path[:] = [held.get(entry, entry) for entry in sys.path]
    for module in list(sys.modules.values()):
        if hasattr(module, "__path__"):
            module.__path__ = [_through(entry, held) for entry in module.__path__]


def _out_of_reach(account: Account) -> Iterable[str]:
    folders = (entry for entry in sys.path if Path(entry).is_dir())
    return [entry for entry in folders if not account.reaches(Path(entry))]


def _hold(folder: str) -> str:
    # Never closed: it is needed as long as the process lives, and not passed on.
    return f"/proc/self/fd/{os.open(folder, os.O_RDONLY | os.O_DIRECTORY)}"


def _through(path: str, held: dict[str, str]) -> str:
    for entry in sorted(held, key=len, reverse=True):
        if path.startswith(f"{entry}{os.sep}"):
            return held[entry] + path.removeprefix(entry)
    return path
