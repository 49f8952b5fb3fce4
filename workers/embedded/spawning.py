"""Starting a process in a session of its own, and telling it from a later namesake."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from workers.embedded.account import Account


def spawn(
    argv: Sequence[str | Path],
    *,
    output: IO[bytes] | int,
    account: Account | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    piped: bool = False,
    descriptors: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Run `argv` as `account` (None: as the caller), deaf to the terminal's Ctrl-C.

    Its standard input is a pipe when `piped`, else empty. `account` counts for root only.
    `descriptors` it inherits; nothing else.
    """
    stdin = subprocess.PIPE if piped else subprocess.DEVNULL
    other = account if os.geteuid() == 0 else None
    return subprocess.Popen(
        [str(part) for part in argv],
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=None if environment is None else dict(environment),
        start_new_session=True,
        pass_fds=descriptors,
        user=other.uid if other else None,
        group=other.gid if other else None,
        extra_groups=[] if other else None,
    )


def started_at(pid: int) -> str:
    """When a process was started, in clock ticks since boot; empty when there is none.

    A number is given again to a later process, a pair of number and start time is not.
    """
    fields = _fields(pid)
    return "" if not fields or fields[0] == "Z" else fields[19]


def parent_of(pid: int) -> int:
    """Whose child a process is; 0 when there is none."""
    fields = _fields(pid)
    return int(fields[1]) if fields else 0


def _fields(pid: int) -> list[str]:
    """What the system tells of a process, from its state on (proc_pid_stat(5))."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    # The second field is the command in brackets and may itself hold spaces and brackets.
    return text.rpartition(")")[2].split()


def processes_in(folder: Path) -> list[int]:
    """Every process whose working folder this is: how a postmaster's children are recognized."""
    resolved = str(folder.resolve())
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _folder(entry) == resolved]


def _folder(entry: Path) -> str:
    try:
        return os.readlink(entry / "cwd")  # noqa: PTH115 (Path.readlink costs a Path for each)
    except OSError:
        return ""
