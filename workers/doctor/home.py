"""The data home: closed to others, with room to write."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from workers.doctor.finding import Finding

_LEAST_FREE_BYTES = 1024**3
"""As much as Postgres may write ahead (`max_wal_size`) before it must tidy up."""
_SECRET_FILES = ("secrets", "secrets.next", "first-login.json")


def look_at_home(home: Path, *, least_free_bytes: int = _LEAST_FREE_BYTES) -> Iterator[Finding]:
    """Nothing where there is no home: with servers of one's own none is needed."""
    try:
        if home.is_dir():
            yield from _closed_ones(home)
            yield _room(home, least_free_bytes)
    except PermissionError:
        advice = "Nobody else may look into it: run this as its owner."
        yield Finding("home", f"{home} is not yours to read", advice)


def _closed_ones(home: Path) -> Iterator[Finding]:
    yield _closed(home)
    for name in _SECRET_FILES:
        if (home / name).exists():
            yield _closed(home / name)


def _closed(path: Path) -> Finding:
    mode = stat.S_IMODE(path.stat().st_mode)
    about, found = f"closed: {path.name if path.is_file() else 'home'}", f"{path}, mode {mode:04o}"
    if not mode & 0o077:
        return Finding(about, found)
    return Finding(about, found, f"Others of this machine can use it: chmod go-rwx {path}")


def _room(home: Path, least_bytes: int) -> Finding:
    disk = shutil.disk_usage(home)
    found = f"{disk.free / 1024**3:.1f} of {disk.total / 1024**3:.1f} GiB free"
    if disk.free >= least_bytes:
        return Finding("disk", found)
    return Finding("disk", found, "A full disk stops every command: make room, or move the home.")
